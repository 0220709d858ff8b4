"""Whether there is any way at all to place pods: a search through all, pod by pod. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ml_platform.clusters.kuberay.gangs.values import Alike, Nodes, most_on

MOST_STEPS: Final = 3000
"""Under half a second of thinking."""


class _TooLongError(Exception):
    pass


def has_place(alike: Sequence[Alike], nodes: Sequence[Nodes]) -> bool | None:
    """Whether all pods find a place; None if it was not found out within `MOST_STEPS`.

    Args:
        alike: The pods; those that are hard to place come first.
        nodes: What nodes there are.
    """
    items = [one for one in alike for _ in range(one.count)]
    single = [replace(node, count=1) for node in nodes for _ in range(min(node.count, len(items)))]
    try:
        return _Search(items).placed(0, single, 0)
    except _TooLongError:
        return None


class _Search:
    def __init__(self, items: Sequence[Alike]) -> None:
        self._items = items
        self._steps = 0

    def placed(self, index: int, nodes: list[Nodes], before: int) -> bool:
        """Whether the items from `index` on find a place; `before` is the node of the last one."""
        if index == len(self._items):
            return True
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise _TooLongError
        item = self._items[index]
        # Which of two equal pods is where makes no difference, nor which of two equal nodes.
        is_equal = index > 0 and item is self._items[index - 1]
        tried = set()
        for at in range(before if is_equal else 0, len(nodes)):
            node = nodes[at]
            if node in tried or not most_on(item, node):
                continue
            tried.add(node)
            nodes[at] = node.with_pods(item, 1, 1)
            if self.placed(index + 1, nodes, at):
                return True
            nodes[at] = node
        return False
