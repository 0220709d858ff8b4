"""Events of a cluster as one list, whichever API they were read from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ml_platform.clusters.kuberay.seen import Object

NOISE: Final = frozenset({"Unhealthy", "FailedToUpdateEndpointSlices"})
"""Warnings of every normal start, and of a service that goes while its endpoints are counted."""
_TRIED_AGAIN: Final = frozenset({"FailedToCreateRayCluster", "FailedToCreateService"})
"""The operator's cache is stale right after a good create, so it tries once more; that says
nothing."""
_RANDOM: Final = re.compile(r'(pods "[^"]*-)[a-z0-9]{5}"')
_CONTAINER: Final = re.compile(r"spec\.\w*[cC]ontainers\{(.+)\}")
_TIMES: Final = (
    *("lastTimestamp", "deprecatedLastTimestamp", "eventTime"),
    *("firstTimestamp", "deprecatedFirstTimestamp"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSeen:
    """One thing that was said, however often.

    Attributes:
        at_s: When it was last said, in seconds since 1970; 0 if that is not known.
        first_s: When it was first said.
        warning: Whether it is a warning.
        reason: Its word for it.
        message: Its text.
        kind: Kind of the object that it is about.
        name: That object's name.
        uid: That object's uid; empty if it is not said.
        container: The container of a pod that it is about; empty if it is about none.
        component: Who said it.
        count: How often, as far as that was counted: never the number of tries, because the
            operator folds different texts into one and stops counting.
    """

    at_s: float
    first_s: float
    warning: bool
    reason: str
    message: str
    kind: str
    name: str
    uid: str
    container: str
    component: str
    count: int

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.reason}: {self.message}"


def merged_events(events: Iterable[Object]) -> tuple[EventSeen, ...]:
    """What was said, oldest first, each thing once, without what every normal start says."""
    return tuple(event for event in all_events(events) if not is_noise(event))


def all_events(events: Iterable[Object]) -> tuple[EventSeen, ...]:
    """What was said, oldest first, each thing once.

    An event of `events.k8s.io` and its twin in core are one, and so are those that differ only in
    the random end of a pod's name.
    """
    said: dict[tuple[str, str, str, str], EventSeen] = {}
    for raw in events:
        event = _read(raw)
        key = (event.kind, event.name, event.reason, _RANDOM.sub(r'\1…"', event.message))
        known = said.get(key)
        said[key] = event if known is None else _together(known, event)
    return tuple(sorted(said.values(), key=lambda event: event.at_s))


def seconds(text: Any) -> float:
    """A time as the API server writes it, in seconds since 1970; 0 for none."""
    if not isinstance(text, str) or not text:
        return 0.0
    return datetime.fromisoformat(text).timestamp()


def _read(raw: Object) -> EventSeen:
    about = raw.get("involvedObject") or raw.get("regarding") or {}
    series = raw.get("series") or {}
    source = raw.get("source") or raw.get("deprecatedSource") or {}
    times = [seconds(raw.get(name)) for name in _TIMES]
    times += [seconds(series.get("lastObservedTime"))]
    times += [seconds((raw.get("metadata") or {}).get("creationTimestamp"))]
    component = raw.get("reportingComponent") or raw.get("reportingController")
    container = _CONTAINER.fullmatch(about.get("fieldPath") or "")
    return EventSeen(
        at_s=max(times),
        first_s=min((time for time in times if time), default=0.0),
        warning=raw.get("type") == "Warning",
        reason=raw.get("reason") or "",
        message=raw.get("message") or raw.get("note") or "",
        kind=about.get("kind") or "",
        name=about.get("name") or "",
        uid=about.get("uid") or "",
        container=container[1] if container else "",
        component=component or source.get("component") or "",
        count=max(
            raw.get("count") or 0, raw.get("deprecatedCount") or 0, series.get("count") or 0, 1
        ),
    )


def is_noise(event: EventSeen) -> bool:
    """Whether every normal start says so."""
    if event.reason in _TRIED_AGAIN:
        return "already exists" in event.message
    return event.reason in NOISE


def _together(one: EventSeen, other: EventSeen) -> EventSeen:
    last = max(one, other, key=lambda event: event.at_s)
    return EventSeen(
        at_s=last.at_s,
        first_s=min(one.first_s, other.first_s),
        warning=last.warning,
        reason=last.reason,
        message=last.message,
        kind=last.kind,
        name=last.name,
        uid=last.uid or one.uid or other.uid,
        container=last.container,
        component=last.component or one.component or other.component,
        count=max(one.count, other.count),
    )
