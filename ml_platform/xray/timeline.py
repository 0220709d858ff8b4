"""What an attempt went through, from its events; pure.

Several may have worked on one attempt, one after another or at once, and each has told of what it
did: the first who saw the driver run says when that began.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.records import PULLING, SCHEDULING, STARTING, Event

QUEUED: Final = "queued: "
"""How what happens to a cluster begins that waits in a queue."""
_CLUSTER: Final = "cluster"
_RUNNING: Final = "running"
TOLD_BY: Final = (_CLUSTER, _RUNNING)
"""Names of the events that `times` and `doing` look at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of an attempt, or what happened in it.

    Attributes:
        name: What: `cluster`, in it `scheduling`, `pulling` and `starting`, then `submit`,
            `pending`, `running`, `removing`.
        state: Without a word of its end it `goes on`, or was `cut off` with its attempt.
        began_at_s: When it began, or happened, in seconds since 1970.
        seconds: How long it took, or has taken so far; None for what happened.
        detail: How, for a person.
    """

    name: str
    state: Literal["goes on", "cut off", "ended", "failed", "happened"]
    began_at_s: float
    seconds: float | None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """Where the time of an attempt went, in seconds; None for what it did not come to.

    Attributes:
        queued_s: In a queue, before it was given a place.
        starting_s: From its claim to the first step of its driver, without that.
        ran_s: While its driver ran.
    """

    queued_s: float | None
    starting_s: float
    ran_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Doing:
    """What an attempt that goes on is at.

    Attributes:
        state: Waits in a queue, is on its way, or trains.
        seconds: For how long.
        reason: Why it waits, as its cluster told last; empty if nothing did.
    """

    state: Literal["queued", "starting", "running"]
    seconds: float
    reason: str = ""


def phases(attempt: AttemptRecord, events: Iterable[Event], *, now_s: float) -> tuple[Phase, ...]:
    """Stretches and happenings in the order in which they began."""
    found = _phases(_ordered(events), now_s, attempt.ended_at_s)
    return tuple(sorted(found, key=lambda one: one.began_at_s))


def times(attempt: AttemptRecord, events: Iterable[Event], *, now_s: float) -> Times:
    """Where its time went, until its end or until now."""
    ordered = _ordered(events)
    end_s = now_s if attempt.ended_at_s is None else attempt.ended_at_s
    began_s = _running_since(attempt, ordered)
    waited_until_s = end_s if began_s is None else began_s
    queued_s = sum(_queued(ordered, waited_until_s))
    ran_s = attempt.ran_s or (None if began_s is None else end_s - began_s)
    return Times(
        queued_s=queued_s or None,
        starting_s=max(0.0, waited_until_s - attempt.claimed_at_s - queued_s),
        ran_s=None if ran_s is None else max(0.0, ran_s),
    )


def doing(attempt: AttemptRecord, events: Iterable[Event], *, now_s: float) -> Doing:
    """What an attempt is at that has not ended."""
    ordered = _ordered(events)
    began_s = _running_since(attempt, ordered)
    if began_s is not None:
        return Doing(state="running", seconds=max(0.0, now_s - began_s))
    told = [one for one in ordered if one.name == _CLUSTER and one.state == "happened"]
    waits_s = max(0.0, now_s - attempt.claimed_at_s)
    if not told:
        return Doing(state="starting", seconds=waits_s)
    last = told[-1].detail
    state, _, reason = last.partition(": ")
    if last.startswith(QUEUED):
        return Doing(state="queued", seconds=waits_s, reason=reason)
    return Doing(state="starting", seconds=waits_s, reason=reason if state == "starting" else last)


def longest_of_start(events: Iterable[Event]) -> Event | None:
    """What pods were at for the longest while their cluster started, as Kubernetes says."""
    of_start = (SCHEDULING, PULLING, STARTING)
    found = [one for one in events if one.name in of_start and one.state == "ended"]
    return max(found, key=lambda one: one.seconds or 0.0, default=None)


def _ordered(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda one: one.at_s)


def _phases(events: Sequence[Event], now_s: float, ended_at_s: float | None) -> Iterator[Phase]:
    begun: dict[str, list[Event]] = {}
    for one in events:
        match one.state:
            case "happened":
                yield Phase(
                    name=one.name,
                    state="happened",
                    began_at_s=one.at_s,
                    seconds=one.seconds,
                    detail=one.detail,
                )
            case "began":
                begun.setdefault(one.name, []).append(one)
            case "ended" | "failed":
                # Its own length is by a clock that only grows.
                seconds = one.seconds or 0.0
                at_s = begun[one.name].pop(0).at_s if begun.get(one.name) else one.at_s - seconds
                yield Phase(
                    name=one.name,
                    state=one.state,
                    began_at_s=at_s,
                    seconds=seconds,
                    detail=one.detail,
                )
    until_s = now_s if ended_at_s is None else ended_at_s
    for one in (left for several in begun.values() for left in several):
        yield Phase(
            name=one.name,
            state="goes on" if ended_at_s is None else "cut off",
            began_at_s=one.at_s,
            seconds=max(0.0, until_s - one.at_s),
            detail=one.detail,
        )


def _running_since(attempt: AttemptRecord, events: Sequence[Event]) -> float | None:
    """When its driver began: as a step saw it, else by the driver's own clock, which may be off."""
    seen = (one.at_s for one in events if (one.name, one.state) == (_RUNNING, "began"))
    return next(seen, attempt.started_at_s)


def _queued(events: Sequence[Event], until_s: float) -> Iterator[float]:
    """Stretches in a queue: from its first word to the next of another kind, or to the end."""
    since_s: float | None = None
    for one in events:
        if one.name != _CLUSTER or one.at_s > until_s:
            continue
        in_queue = one.state == "happened" and one.detail.startswith(QUEUED)
        if in_queue and since_s is None:
            since_s = one.at_s
        elif not in_queue and since_s is not None:
            yield one.at_s - since_s
            since_s = None
    if since_s is not None:
        yield until_s - since_s
