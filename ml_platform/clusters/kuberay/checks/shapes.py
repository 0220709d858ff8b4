"""Shapes of nested fields, put together from small checks. Each says where it found what.

The API server checks the pods that KubeRay makes, and not the template in the RayJob: what it
refuses is an Event that comes again and again, and no cluster. What stands here are its rules
(Kubernetes 1.35, `pkg/apis/core/validation`), and what it takes and the kubelet then does not.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ml_platform.clusters.kuberay.checks.scalars import Check
from ml_platform.clusters.kuberay.checks.words import did_you_mean
from ml_platform.wrong_values import of_another_type, shown_name, unknown_key


def cannot_be_set(where: str, name: Any, fields: Collection[str]) -> str:
    """The sentence for a key that is none of these."""
    near = did_you_mean(str(name), fields)
    shown = unknown_key(name, is_near=bool(near))
    return f"{where}.{shown} cannot be set{near or ';'} these can: {', '.join(fields)}"


def mapping(fields: Mapping[str, Check], *, required: Collection[str] = ()) -> Check:
    """A mapping of these fields and no others."""

    def check(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield of_another_type(where, value, "a mapping")
            return
        for name, given in value.items():
            if name in fields:
                yield from fields[name](f"{where}.{name}", given)
            else:
                yield cannot_be_set(where, name, fields)
        for name in required:
            if name not in value:
                yield f"{where} has no `{name}`"

    return check


def map_of(key: Check, entry: Check) -> Check:
    """A mapping of whatever keys, of which each is as `key`, to entries that are alike."""

    def check(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield of_another_type(where, value, "a mapping")
            return
        for name, given in value.items():
            wrong = list(key(f"a key of {where}", name))
            yield from wrong or entry(f"{where}.{shown_name(name)}", given)

    return check


def list_of(entry: Check, *, least: int = 0, most: int | None = None, by: str = "") -> Check:
    """A list of entries that are alike, each told by its field `by`, or else by its number."""

    def check(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            yield of_another_type(where, value, "a list")
            return
        if len(value) < least:
            yield f"{where} is empty, wanted at least one"
        if most is not None and len(value) > most:
            yield f"{where} has {len(value)} entries, wanted at most {most}"
        for number, one in enumerate(value):
            name = one.get(by) if isinstance(one, dict) else None
            told = shown_name(name) if isinstance(name, str) else number
            yield from entry(f"{where}[{told}]", one)

    return check


def also(shape: Check, *rules: Callable[[str, Any], Iterator[str]]) -> Check:
    """A shape and, where nothing is wrong with that, rules between its fields."""

    def check(where: str, value: Any) -> Iterator[str]:
        wrong = list(shape(where, value))
        yield from wrong
        if not wrong:
            for rule in rules:
                yield from rule(where, value)

    return check


def exactly_one(*names: str) -> Check:
    """The rule that one of these fields is there, and no more."""

    def check(where: str, value: Any) -> Iterator[str]:
        found = [name for name in names if name in value]
        if len(found) != 1:
            yield f"{where} has {' and '.join(found) or 'none'} of {', '.join(names)}; wanted one"

    return check


def distinct(field: str) -> Check:
    """The rule that no two entries of a list have the same in a field."""

    def check(where: str, value: Any) -> Iterator[str]:
        # Of several places the last one counts; of two in one list the API server takes neither.
        for one in twice([entry[field] for entry in value]):
            yield f"{where} has {shown_name(one)} twice"

    return check


def twice(values: Collection[str]) -> list[str]:
    """Those that are there more than once, sorted."""
    seen: set[str] = set()
    again: set[str] = set()
    for value in values:
        (again if value in seen else seen).add(value)
    return sorted(again)
