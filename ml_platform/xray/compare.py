"""What differs between two attempts, the most telling first; pure."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.listing import Details
from ml_platform.xray.words import money, span

MATTERS_FROM: Final = 1.2
"""A time that is as much longer differs; less is what two equal runs differ by."""
MATTERS_FROM_S: Final = 5.0
METRIC_MATTERS_FROM: Final = 0.001
"""Of a metric, which has no noise that is known here."""

Group = Literal[
    "outcome", "data", "code", "parameters", "cluster", "metrics", "times", "cost", "findings"
]
_SEEN: Final = ("outcome", "metrics", "times", "cost", "findings")
"""What came of them; the other groups were asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing in which they differ.

    Attributes:
        group: What kind of thing.
        name: Which one.
        a: Of the first, in words; empty if it has none.
        b: Of the second.
        told: By how much, where that can be said.
    """

    group: Group
    name: str
    a: str
    b: str
    told: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Two attempts side by side.

    Attributes:
        a: The first.
        b: The second.
        sentence: What differs that matters.
        differences: All of them, in the order in which they matter.
    """

    a: Details
    b: Details
    sentence: str
    differences: tuple[Difference, ...]


def compared(a: Details, b: Details) -> Compared:
    """What differs between them.

    Args:
        a: The first, with all that was found in it.
        b: The second.
    """
    found = tuple(_differences(a, b))
    return Compared(a=a, b=b, sentence=_sentence(a, b, found), differences=found)


def _sentence(a: Details, b: Details, found: tuple[Difference, ...]) -> str:
    ended = f"{_how(a.attempt)} and {_how(b.attempt)}"
    asked = [one for one in found if one.group not in _SEEN]
    longer = [one for one in found if one.group == "times"]
    if not asked:
        why = "nothing else of them differs that was asked for"
        if longer:
            why += f"; what differs is {_listed([f'{one.name} ({one.told})' for one in longer])}"
        return f"They ended as {ended}: {why}.{_found(found)}"
    more = f", and {len(asked) - 3} more" if len(asked) > 3 else ""
    told = _listed([one.name for one in asked[:3]])
    return f"They ended as {ended}. Before that they differ in {told}{more}.{_found(found)}"


def _found(found: tuple[Difference, ...]) -> str:
    """What was found in one of them alone."""
    told = ""
    for name in ("A", "B"):
        alone = [
            one.name for one in found if one.group == "findings" and one.told == f"only {name}"
        ]
        told += f" Found in {name} alone: {_listed(alone)}." if alone else ""
    return told


def _differences(a: Details, b: Details) -> Iterator[Difference]:
    one, other = a.attempt, b.attempt
    yield from _differ("outcome", "outcome", _how(one), _how(other))
    yield from _differ("data", "model", one.model, other.model)
    yield from _differ("data", "partition", one.partition, other.partition)
    yield from _differ("code", "image", one.image, other.image)
    yield from _differ("code", "platform version", one.platform_version, other.platform_version)
    yield from _of_mappings("parameters", one.limits, other.limits)
    # Snapshots, code and seed decide the name too, and the record has no more of them.
    if (one.model, one.partition) == (other.model, other.partition):
        yield from _differ("code", "training", one.training, other.training)
    yield from _differ("cluster", "provisioner", one.provisioner, other.provisioner)
    yield from _differ("cluster", "place", one.place, other.place)
    yield from _of_mappings("cluster", one.spec, other.spec)
    yield from _differ("cluster", "rung", one.rung, other.rung)
    yield from _of_metrics(a.curves.metrics, b.curves.metrics)
    spent, others = a.times, b.times
    yield from _longer("in a queue", spent.queued_s, others.queued_s)
    yield from _longer("starting", spent.starting_s, others.starting_s)
    for name in dict.fromkeys(phase.name for phase in (*a.phases, *b.phases)):
        if name != "running":
            yield from _longer(f"phase {name}", _seconds(a, name), _seconds(b, name))
    yield from _longer("running", spent.ran_s, others.ran_s)
    yield from _differ("times", "worker restarts", one.worker_restarts, other.worker_restarts)
    yield from _dearer("cost", a.cost.total, b.cost.total)
    yield from _dearer("idle", a.cost.idle, b.cost.idle)
    yield from _dearer("wasted", a.cost.wasted, b.cost.wasted)
    yield from _of_findings(a, b)


def _differ(group: Group, name: str, a: object, b: object) -> Iterator[Difference]:
    if a != b:
        yield Difference(group=group, name=name, a=_word(a), b=_word(b))


def _of_mappings(group: Group, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    left, right = dict(_flat(a)), dict(_flat(b))
    for name in dict.fromkeys((*left, *right)):
        yield from _differ(group, name, left.get(name), right.get(name))


def _of_metrics(a: Mapping[str, float], b: Mapping[str, float]) -> Iterator[Difference]:
    """What both reported of their last epoch, and differs by more than rounding."""
    for name in a:
        if name in b and not math.isclose(a[name], b[name], rel_tol=METRIC_MATTERS_FROM):
            told = f"B {b[name] - a[name]:+.3g}"
            yield Difference(
                group="metrics", name=name, a=f"{a[name]:.4g}", b=f"{b[name]:.4g}", told=told
            )


def _flat(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """`cluster.workers.1.memory`, and its value."""
    items: Any = ()
    if isinstance(values, Mapping):
        items = values.items()
    elif isinstance(values, list | tuple):
        items = enumerate(values, start=1)
    if not items:
        yield name, values
    for key, one in items:
        yield from _flat(one, f"{name}.{key}" if name else f"{key}")


def _longer(name: str, a: float | None, b: float | None) -> Iterator[Difference]:
    if a is None and b is None:
        return
    if a is not None and b is not None:
        shorter, longer = sorted((a, b))
        if longer - shorter < MATTERS_FROM_S or longer < shorter * MATTERS_FROM:
            return
    yield Difference(
        group="times",
        name=name,
        a="" if a is None else span(a),
        b="" if b is None else span(b),
        told=_ratio(a, b),
    )


def _dearer(name: str, a: float | None, b: float | None) -> Iterator[Difference]:
    """A sum that is as much larger as a time that matters."""
    if money(a) == money(b):
        return
    told = ""
    if a is not None and b is not None:
        smaller, larger = sorted((a, b))
        if larger < smaller * MATTERS_FROM:
            return
        which = "B" if b > a else "A"
        told = f"{which} {larger / smaller:.1f} × as much" if smaller else f"only {which}"
    yield Difference(group="cost", name=name, a=money(a), b=money(b), told=told)


def _of_findings(a: Details, b: Details) -> Iterator[Difference]:
    """What was found in one of them alone; how much of it, in both, is a matter of each."""
    left = {one.name: one.sentence for one in a.findings}
    right = {one.name: one.sentence for one in b.findings}
    for name in dict.fromkeys((*left, *right)):
        if (name in left) != (name in right):
            only = "only A" if name in left else "only B"
            sides = (left.get(name, ""), right.get(name, ""))
            yield Difference(group="findings", name=name, a=sides[0], b=sides[1], told=only)


def _ratio(a: float | None, b: float | None) -> str:
    if a is None or b is None:
        return f"only {'B' if a is None else 'A'}"
    which = "B" if b > a else "A"
    shorter, longer = sorted((a, b))
    if shorter < 1.0:
        return f"{which} {span(longer - shorter)} longer"
    return f"{which} {longer / shorter:.1f} × as long"


def _seconds(details: Details, name: str) -> float | None:
    named = [one.seconds for one in details.phases if one.name == name]
    found = [seconds for seconds in named if seconds is not None]
    return sum(found) if found else None


def _how(one: AttemptRecord) -> str:
    if one.is_open:
        return "going on"
    place = f" in {one.cause_place}" if one.cause_place else ""
    return f"{one.status} ({one.cause}{place})" if one.cause else one.status


def _word(value: object) -> str:
    if value is None or value == "":
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
