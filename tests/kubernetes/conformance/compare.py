"""The differences between the recorded behaviour and the observed one, in words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.kubernetes.conformance.normalise import SAYS, Behaviour

PASSING_HEAD: Final = frozenset(
    {
        "False Unknown",
        "False ContainerCreating",
        "False ContainersNotReady",
        "False HeadPodNotFound",
        "False PodInitializing",
    }
)
"""States of the head that last for milliseconds: whether one is written depends on the kubelet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """A difference that is meant, and why.

    Attributes:
        where: Regular expression over a track's or fact's name, matched in full.
        because: The reason.
    """

    where: str
    because: str


def differences(
    expected: Behaviour, observed: Behaviour, allowances: Iterable[Allowance] = ()
) -> list[str]:
    """What is not as it was recorded; empty if all is."""
    allowed = [re.compile(allowance.where) for allowance in allowances]
    found = [
        *_tracks(expected, observed),
        *_facts(expected.facts, observed.facts),
    ]
    return [
        f"{where}: {what}"
        for where, what in found
        if not any(pattern.fullmatch(where) for pattern in allowed)
    ]


def _tracks(expected: Behaviour, observed: Behaviour) -> Iterable[tuple[str, str]]:
    for track in sorted({*expected.tracks, *observed.tracks}):
        want = _essence(track, expected.tracks.get(track, []))
        have = _essence(track, observed.tracks.get(track, []))
        if want != have:
            yield track, _first_difference(want, have)


def _facts(want: dict[str, Any], have: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for fact in sorted({*want, *have}):
        if SAYS in fact and not (fact in want and fact in have):
            # Whether the condition had this value is the track's to tell.
            continue
        if fact not in have:
            yield fact, f"recorded {want[fact]!r}, not seen now"
        elif fact not in want:
            yield fact, f"not in the recording, now {have[fact]!r}"
        elif want[fact] != have[fact]:
            yield fact, f"recorded {want[fact]!r}, now {have[fact]!r}"


def _essence(track: str, values: list[Any]) -> list[Any]:
    """A track without what only tells how fast the pods were."""
    if track.endswith("HeadPodReady"):
        return _without_repeats(v for v in values if v not in PASSING_HEAD)
    if track.endswith((" available workers", " ready workers")):
        return turning_points(values)
    return values


def turning_points(values: list[int]) -> list[int]:
    """Where counts that go up and down turn: 0 1 2 1 2 is 0 2 1 2, as is 0 2 1 2."""
    kept: list[int] = []
    for value in values:
        if len(kept) > 1 and (kept[-1] - kept[-2]) * (value - kept[-1]) > 0:
            kept[-1] = value
        elif not kept or kept[-1] != value:
            kept.append(value)
    return kept


def _without_repeats(values: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if not kept or kept[-1] != value:
            kept.append(value)
    return kept


def _first_difference(want: list[Any], have: list[Any]) -> str:
    for number, (left, right) in enumerate(zip(want, have, strict=False), start=1):
        if left != right:
            return f"value {number} was recorded as {left!r} and is now {right!r}"
    if len(want) > len(have):
        return f"after {len(have)} values the recording goes on with {want[len(have) :]!r}"
    return f"after the {len(want)} recorded values it goes on with {have[len(want) :]!r}"
