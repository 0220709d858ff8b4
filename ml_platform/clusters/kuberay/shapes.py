"""Shapes of nested fields, put together from small checks. Each says where it found what.

The API server checks the pods that KubeRay makes, and not the template in the RayJob: what it
refuses is an Event that comes again and again, and no cluster.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ml_platform.clusters.kuberay.words import did_you_mean, is_label_key, is_subdomain

Check = Callable[[str, Any], Iterator[str]]
"""What is wrong with a value; its first argument says where it stands."""


def mapping(fields: Mapping[str, Check], *, required: Collection[str] = ()) -> Check:
    """A mapping of these fields and no others."""

    def check(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where} is {value!r}, wanted a mapping"
            return
        for name, given in value.items():
            if name in fields:
                yield from fields[name](f"{where}.{name}", given)
            else:
                near = did_you_mean(str(name), fields)
                yield f"{where}.{name} cannot be set{near or ';'} these can: {', '.join(fields)}"
        for name in required:
            if name not in value:
                yield f"{where} has no `{name}`"

    return check


def list_of(entry: Check, *, least: int = 0) -> Check:
    """A list of entries that are alike."""

    def check(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{where} is {value!r}, wanted a list"
            return
        if len(value) < least:
            yield f"{where} is empty, wanted at least one"
        for number, one in enumerate(value):
            yield from entry(f"{where}[{number}]", one)

    return check


def also(shape: Check, rule: Check) -> Check:
    """A shape and, where nothing is wrong with that, a rule between its fields."""

    def check(where: str, value: Any) -> Iterator[str]:
        wrong = list(shape(where, value))
        yield from wrong or rule(where, value)

    return check


def one_of(*known: str) -> Check:
    """One of these words."""

    def check(where: str, value: Any) -> Iterator[str]:
        if value not in known:
            near = did_you_mean(str(value), known)
            wanted = f", wanted {' or '.join(known)}"
            yield f"{where} is {value!r}{near or wanted}"

    return check


def whole(least: int, most: int | None = None) -> Check:
    """A whole number of a range."""
    span = f"of at least {least}" if most is None else f"from {least} to {most}"

    def check(where: str, value: Any) -> Iterator[str]:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or value < least or (most is not None and value > most):
            yield f"{where} is {value!r}, wanted a whole number {span}"

    return check


def string(where: str, value: Any) -> Iterator[str]:
    """Text."""
    if not isinstance(value, str):
        yield f"{where} is {value!r}, wanted text; put it in quotes"


def truth(where: str, value: Any) -> Iterator[str]:
    """Yes or no."""
    if not isinstance(value, bool):
        yield f"{where} is {value!r}, wanted true or false"


def any_mapping(where: str, value: Any) -> Iterator[str]:
    """A mapping of whatever."""
    if not isinstance(value, dict):
        yield f"{where} is {value!r}, wanted a mapping"


def label_key(where: str, value: Any) -> Iterator[str]:
    """The key of a label."""
    if not isinstance(value, str) or not is_label_key(value):
        yield f"{where} is {value!r}, wanted `name` or `domain/name`"


def object_name(where: str, value: Any) -> Iterator[str]:
    """The name of an object in Kubernetes."""
    if not isinstance(value, str) or not is_subdomain(value):
        yield f"{where} is {value!r}, which is no name of an object in Kubernetes"


def twice(values: Collection[str]) -> list[str]:
    """Those that are there more than once, sorted."""
    seen: set[str] = set()
    again: set[str] = set()
    for value in values:
        (again if value in seen else seen).add(value)
    return sorted(again)
