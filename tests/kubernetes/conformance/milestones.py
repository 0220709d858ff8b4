"""When what happened: the named moments of a timeline, for the order and the pace."""

import re
from typing import Final

from tests.kubernetes.conformance.cast import Cast
from tests.kubernetes.conformance.stories import OPERATOR
from tests.kubernetes.conformance.timeline import Entry, Timeline

Milestones = dict[str, float]

POLLED: Final = frozenset({"RayNodes", "RayJobsApi", "note", "action"})
LIMIT: Final = re.compile(r"DeadlineSeconds: (\d+)")


def milestones(timeline: Timeline) -> Milestones:
    """Moments by name; a second one of the same name gets ` (2)`."""
    found: Milestones = {}
    counts: dict[str, int] = {}
    last: dict[str, object] = {}
    cast = Cast()
    for entry in timeline.entries:
        role = cast.role(entry)
        for aspect, value in _aspects(role, entry):
            if value is None or last.get(aspect) == value:
                continue
            last[aspect] = value
            name = f"{aspect} {value}" if value is not True else aspect
            counts[name] = counts.get(name, 0) + 1
            found[name if counts[name] == 1 else f"{name} ({counts[name]})"] = entry.t
    return found


def lateness(timeline: Timeline) -> dict[str, float]:
    """Per RayJob that a deadline ended: seconds between the deadline and Failed."""
    found: dict[str, float] = {}
    for entry in timeline.entries:
        limit = LIMIT.search(entry.part.get("message", "")) if entry.kind == "RayJob" else None
        if limit and entry.name not in found:
            found[entry.name] = entry.t - (entry.part["startTime"] + int(limit.group(1)))
    return found


def _aspects(role: str, entry: Entry) -> list[tuple[str, object]]:
    """What may have become different with an entry; an aspect that is True is told once."""
    part = entry.part
    if entry.kind in POLLED:
        return []
    if entry.kind == "Event":
        if part.get("reportingComponent") not in OPERATOR or entry.change != "ADDED":
            return []
        return [(f"{role} event {part['reason']}", True)]
    life = "gone" if entry.change == "DELETED" else "there"
    aspects: list[tuple[str, object]] = [(role, life)]
    if entry.change == "DELETED":
        return aspects
    if part.get("deleting"):
        aspects.append((role, None))
        aspects.append((f"{role} deleting", True))
    if entry.kind == "RayJob":
        aspects.append((role + " is", part.get("jobDeploymentStatus")))
        aspects.append((role + " jobStatus", part.get("jobStatus")))
    if entry.kind == "RayCluster":
        aspects.append((f"{role} state", part.get("state")))
        aspects += [
            (f"{role} {condition['type']}", condition["status"])
            for condition in part.get("conditions") or []
            if condition["type"] != "HeadPodReady"
        ]
    return aspects
