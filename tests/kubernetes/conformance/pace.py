"""Order and pace: what came clearly before what, and how long the operator's own steps take.

How fast pods start and end is the machine's doing; what is compared are the operator's steps and
the delays that it makes on purpose.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.kubernetes.conformance.milestones import Milestones, lateness, milestones
from tests.kubernetes.conformance.timeline import Timeline

CLEARLY_S: Final = 0.5
SLACK_S: Final = 0.3
PROMPTLY_S: Final = 1.5
"""The operator does at once what it is told of, and looks by itself every 2 or 3 s: the first is
not to be mistaken for the second. Seen on a busy machine: 0.3 s more than recorded."""
TTL_S: Final = 2.0
"""The end from which a ttl counts was cut to a second, in the recording and now."""
PODS_END_S: Final = 8.0
"""An end of its own accord and the end of the grace period, 30 s, are told apart."""
DEADLINE_S: Final = (-1.1, 4.5)
"""A deadline counts from a start that was cut to a second, and is looked at every 3 s."""

ENDING: Final = re.compile(r"(Pod|Service|Secret)/.* (gone|deleting)")
COLLECTED: Final = re.compile(r"(Service|Secret)/.* gone")
PODS_EVENT: Final = re.compile(r" event (?:Created|Deleted)(Head|Worker)Pod")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """From one moment to another takes as long as recorded, give or take `bound_s`.

    `start` is a regular expression over the names of milestones; `end` a template over its groups.
    """

    start: str
    end: str
    bound_s: float = PROMPTLY_S
    # Where the recording took longer, it waited for something else.
    at_most_s: float = 1000.0


STEPS: Final = (
    Step(start=r"RayJob/(.+) there", end=r"RayJob/\1 is Initializing"),
    Step(start=r"RayJob/(.+) is Suspending", end=r"RayJob/\1 is Suspended"),
    Step(start=r"RayJob/(.+) deleting", end=r"RayJob/\1 gone"),
    Step(
        start=r"RayJob/(.+) is (?:Complete|Failed)",
        end=r"RayJob/\1 event DeletedRayCluster",
        bound_s=TTL_S,
    ),
    Step(
        start=r"RayJob/(.+) is Initializing",
        end=r"RayCluster/\1-<r>#1 there",
        at_most_s=PROMPTLY_S,
    ),
    Step(start=r"RayCluster/(.+)-<r>#1 state ready", end=r"RayJob/\1 is Waiting"),
    Step(start=r"RayCluster/(rc1.+) there", end=r"Pod/\1/headgroup[1] there"),
    Step(start=r"Pod/(.+)/headgroup\[1\] there", end=r"Pod/\1/w[1] there"),
    Step(start=r"Pod/(.+)\[1\] gone", end=r"Pod/\1[2] there", at_most_s=PROMPTLY_S),
    Step(start=r"RayCluster/(.+) RayClusterSuspending True", end=r"Pod/\1/headgroup[1] deleting"),
    Step(start=r"Pod/(.+) deleting", end=r"Pod/\1 gone", bound_s=PODS_END_S),
)


def disorder(expected: Timeline, observed: Timeline) -> list[str]:
    """Moments that were clearly one after the other and have changed places."""
    want, have = milestones(expected), milestones(observed)
    common = sorted((name for name in want if name in have), key=lambda name: want[name])
    return [
        f"order: {first!r} was {want[second] - want[first]:.1f} s before {second!r} and is now "
        f"{have[first] - have[second]:.1f} s after it"
        for number, first in enumerate(common)
        for second in common[number + 1 :]
        if want[second] - want[first] >= CLEARLY_S
        and have[first] - have[second] > SLACK_S
        and not _independent(first, second)
    ]


def off_pace(expected: Timeline, observed: Timeline) -> list[str]:
    """Steps that took clearly longer or shorter than recorded."""
    want, have = milestones(expected), milestones(observed)
    found = [
        f"pace: from {start!r} to {end!r} took {recorded_s:.1f} s and now takes {now_s:.1f} s"
        for start, end, bound_s in _steps(want)
        if start in have
        and end in have
        and abs((now_s := have[end] - have[start]) - (recorded_s := want[end] - want[start]))
        > bound_s
    ]
    low, high = DEADLINE_S
    found += [
        f"pace: RayJob {name} failed {late_s:+.1f} s after its deadline, {low} to {high} s is usual"
        for name, late_s in lateness(observed).items()
        if not low <= late_s <= high
    ]
    return found


def _steps(want: Milestones) -> Iterator[tuple[str, str, float]]:
    for step in STEPS:
        for start in want:
            match = re.fullmatch(step.start, start)
            if match:
                end = match.expand(step.end)
                if end in want and 0 <= want[end] - want[start] <= step.at_most_s:
                    yield start, end, step.bound_s


def _independent(first: str, second: str) -> bool:
    """Moments that do not wait for each other.

    Pods of different groups come and go on their own, services and secrets go with the garbage
    collector, and the end of a pod matters to its successor and to a suspension only.
    """
    if ENDING.fullmatch(first) and ENDING.fullmatch(second):
        return True
    groups = {_group(first), _group(second)}
    if None not in groups:
        return len(groups) > 1
    if COLLECTED.fullmatch(first) or COLLECTED.fullmatch(second):
        return True
    ends = any(name.startswith("Pod/") and name.endswith(" gone") for name in (first, second))
    return ends and not any("uspended" in name for name in (first, second))


def _group(name: str) -> str | None:
    """The group of pods that a moment is about: head or workers."""
    if name.startswith("Pod/"):
        return "head" if "/headgroup[" in name else "worker"
    made_or_gone = PODS_EVENT.search(name)
    return made_or_gone.group(1).lower() if made_or_gone else None
