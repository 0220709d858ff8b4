"""When what happened: the named moments of a timeline, for the order and the pace."""

import re
from typing import Final

from tests.kubernetes.conformance.normalise import OPERATOR
from tests.kubernetes.conformance.stable_names import StableNames
from tests.kubernetes.conformance.timeline import Entry, Timeline

Milestones = dict[str, float]

POLLED: Final = frozenset({"RayNodes", "RayJobsApi", "note", "action"})
LIMIT: Final = re.compile(r"DeadlineSeconds: (\d+)")


def milestones(timeline: Timeline) -> Milestones:
    """Moments by name; a second one of the same name gets ` (2)`."""
    found: Milestones = {}
    counts: dict[str, int] = {}
    last: dict[str, object] = {}
    names = StableNames()
    for entry in timeline.entries:
        subject = names.of(entry)
        for aspect, value in _aspects(subject, entry):
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
        limit = LIMIT.search(entry.fields.get("message", "")) if entry.kind == "RayJob" else None
        if limit and entry.name not in found:
            found[entry.name] = entry.t - (entry.fields["startTime"] + int(limit.group(1)))
    return found


def _aspects(subject: str, entry: Entry) -> list[tuple[str, object]]:
    """What may have become different with an entry; an aspect that is True is told once."""
    fields = entry.fields
    if entry.kind in POLLED:
        return []
    if entry.kind == "Event":
        if fields.get("reportingComponent") not in OPERATOR or entry.change != "ADDED":
            return []
        return [(f"{subject} event {fields['reason']}", True)]
    life = "gone" if entry.change == "DELETED" else "there"
    aspects: list[tuple[str, object]] = [(subject, life)]
    if entry.change == "DELETED":
        return aspects
    if fields.get("deleting"):
        aspects.append((subject, None))
        aspects.append((f"{subject} deleting", True))
    if entry.kind == "RayJob":
        aspects.append((subject + " is", fields.get("jobDeploymentStatus")))
        aspects.append((subject + " jobStatus", fields.get("jobStatus")))
    if entry.kind == "RayCluster":
        aspects.append((f"{subject} state", fields.get("state")))
        aspects += [
            (f"{subject} {condition['type']}", condition["status"])
            for condition in fields.get("conditions") or []
            if condition["type"] != "HeadPodReady"
        ]
    return aspects
