"""On which line of a YAML document something stands."""

from collections.abc import Sequence

import yaml


def line_of(node: yaml.Node | None, value: str) -> int | None:
    """The first line, from 1, on which `value` stands as a value."""
    if isinstance(node, yaml.ScalarNode):
        return node.start_mark.line + 1 if node.value == value else None
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [child for _, child in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    return next((line for child in children if (line := line_of(child, value))), None)


def line_at(root: yaml.Node | None, path: Sequence[object]) -> int | None:
    """The line of the deepest part of `path` that the document has, from 1."""
    node, line = root, None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            keys = {key.value: (key, value) for key, value in node.value}
            if part not in keys:
                break
            key, node = keys[part]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
