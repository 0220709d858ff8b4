"""Attempts in a list, one with all that is known of it, and their story, out of the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.store import Store
from ml_platform.xray.story import story
from ml_platform.xray.timeline import Doing, Phase, Times, doing, phases, times


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An attempt in a list.

    Attributes:
        attempt: The attempt.
        times: Where its time went.
        doing: What it is at; None if it has ended.
    """

    attempt: AttemptRecord
    times: Times
    doing: Doing | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """One attempt, with what it went through."""

    attempt: AttemptRecord
    times: Times
    doing: Doing | None
    phases: tuple[Phase, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A story, and the ids of the attempts that it is of."""

    lines: tuple[str, ...]
    attempts: tuple[str, ...]


def listed(store: Store, attempts: Sequence[AttemptRecord], *, now_s: float) -> tuple[Listed, ...]:
    """The attempts, in their order, with where their time went until now."""
    events = {key: tuple(named.values()) for key, named in store.events(attempts).items()}
    return tuple(
        Listed(
            attempt=one,
            times=times(one, events[one.key], now_s=now_s),
            doing=doing(one, events[one.key], now_s=now_s) if one.is_open else None,
        )
        for one in attempts
    )


def details(store: Store, attempt: AttemptRecord, *, now_s: float) -> Details:
    """All that is known of one."""
    events = tuple(store.events([attempt])[attempt.key].values())
    (one,) = listed(store, [attempt], now_s=now_s)
    return Details(
        attempt=attempt,
        times=one.times,
        doing=one.doing,
        phases=phases(attempt, events, now_s=now_s),
    )


def told(
    store: Store, attempts: Sequence[AttemptRecord], *, now_s: float, zone: tzinfo | None = None
) -> Told:
    """Their story."""
    events = {key: tuple(named.values()) for key, named in store.events(attempts).items()}
    lines = story(attempts, events, now_s=now_s, zone=zone)
    return Told(lines=lines, attempts=tuple(one.id for one in attempts))
