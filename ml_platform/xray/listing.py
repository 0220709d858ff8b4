"""Attempts in a list, one with all that is known of it, and their story, out of the store."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from ml_platform.xray.attempt import AttemptKey, AttemptRecord
from ml_platform.xray.costs import Cost, CostSum
from ml_platform.xray.curves import Curves, Metric
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.judging import cost_of_one, cost_of_training, events_of, judged
from ml_platform.xray.prices import Prices
from ml_platform.xray.progress import Progress, progress
from ml_platform.xray.records import Event
from ml_platform.xray.store import Store
from ml_platform.xray.story import story
from ml_platform.xray.timeline import TOLD_BY, Doing, Phase, Times, doing, phases, times

NEWEST: Final = 60
"""Samples of a worker among which its epoch began: an hour of a long training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An attempt in a list.

    Attributes:
        attempt: The attempt.
        times: Where its time went.
        doing: What it is at; None if it has ended.
        progress: How far it is; None where nothing is known of that.
    """

    attempt: AttemptRecord
    times: Times
    doing: Doing | None
    progress: Progress | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """One attempt, with what it went through.

    Attributes:
        attempt: The attempt.
        times: Where its time went.
        doing: What it is at; None if it has ended.
        phases: What it went through.
        cost: What it has cost.
        findings: What was found in it, of what is told without being asked for.
        progress: How far it is; None where nothing is known of that.
        curves: What it reported of its epochs; empty until it has succeeded.
    """

    attempt: AttemptRecord
    times: Times
    doing: Doing | None
    phases: tuple[Phase, ...]
    cost: Cost
    findings: tuple[Finding, ...] = ()
    progress: Progress | None = None
    curves: Curves = field(default_factory=Curves)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A story, and the ids of the attempts that it is of."""

    lines: tuple[str, ...]
    attempts: tuple[str, ...]


def listed(
    store: Store,
    attempts: Sequence[AttemptRecord],
    *,
    now_s: float,
    with_progress: bool = True,
) -> tuple[Listed, ...]:
    """The attempts, in their order, with where their time went until now.

    Args:
        store: Where they are.
        attempts: Which.
        now_s: Now, in seconds since 1970.
        with_progress: Whether to look how far those are that run, each by itself.
    """
    events = events_of(store, attempts, names=TOLD_BY)
    return _listed(store, attempts, events, now_s, with_progress=with_progress)


def details(
    store: Store,
    attempt: AttemptRecord,
    *,
    now_s: float,
    prices: Prices | None = None,
    loud: Collection[str] = (),
    found: Sequence[Finding] | None = None,
) -> Details:
    """All that is known of one; without prices its cost is unknown.

    Args:
        store: Where it is.
        attempt: Which.
        now_s: Now, in seconds since 1970.
        prices: Of an hour.
        loud: Findings that are told without being asked for.
        found: What is to be told of it, if that is known already; nothing is looked for then.
    """
    prices = prices or Prices()
    if found is None:
        found = loud_findings(store, attempt, prices=prices, loud=loud, now_s=now_s)
    events = events_of(store, [attempt])
    (one,) = _listed(store, [attempt], events, now_s)
    return Details(
        attempt=attempt,
        times=one.times,
        doing=one.doing,
        progress=one.progress,
        phases=phases(attempt, events[attempt.key], now_s=now_s),
        cost=cost_of_one(store, attempt, prices=prices, now_s=now_s),
        findings=tuple(found),
        curves=store.curves.of(attempt.key),
    )


def details_to_compare(
    store: Store, attempt: AttemptRecord, *, prices: Prices, now_s: float
) -> Details:
    """All that is known of one, with all that was found in it: who compares has asked for that."""
    found = judged(store, attempt, prices=prices, loud=(), now_s=now_s)
    return details(store, attempt, now_s=now_s, prices=prices, found=found)


def told(
    store: Store,
    attempts: Sequence[AttemptRecord],
    *,
    now_s: float,
    zone: tzinfo | None = None,
    prices: Prices | None = None,
    loud: Collection[str] = (),
    found: Sequence[Finding] | None = None,
) -> Told:
    """Their story; what one training cost and what was found in its last attempt is part of it.

    Args:
        store: Where they are.
        attempts: At least one.
        now_s: Now, in seconds since 1970.
        zone: The reader's; this machine's if not given.
        prices: Of an hour.
        loud: Findings that are told without being asked for.
        found: What is to be told of the last, if that is known already.
    """
    prices = prices or Prices()
    events = events_of(store, attempts)
    cost: CostSum | None = None
    last = last_of_training(attempts)
    if last is not None:
        cost = cost_of_training(store, last, prices=prices, now_s=now_s)
        if found is None:
            found = loud_findings(store, last, prices=prices, loud=loud, now_s=now_s)
    lines = story(attempts, events, now_s=now_s, zone=zone, cost=cost, found=found or ())
    return Told(lines=lines, attempts=tuple(one.id for one in attempts))


def last_of_training(attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """The last attempt, in which is looked for findings; None if they are of several trainings."""
    if len({(one.training, one.partition) for one in attempts}) != 1:
        return None
    return max(attempts, key=lambda one: one.number)


def loud_findings(
    store: Store,
    attempt: AttemptRecord,
    *,
    prices: Prices,
    loud: Collection[str],
    now_s: float,
) -> tuple[Finding, ...]:
    """What was found in an attempt, of what a person has turned on; nothing is read for none."""
    if not loud:
        return ()
    found = judged(store, attempt, prices=prices, loud=loud, now_s=now_s)
    return tuple(one for one in found if not one.quiet)


def newest_metrics(
    store: Store, attempts: Iterable[AttemptRecord]
) -> dict[tuple[str, str], Metric]:
    """The metric that tells most of the newest attempt that succeeded, by model and partition."""
    oldest_first = sorted(attempts, key=lambda one: one.claimed_at_s)
    of_newest = {
        (one.model, one.partition): one.key for one in oldest_first if one.status == "succeeded"
    }
    metrics = store.curves.main_metrics(set(of_newest.values()))
    return {which: metrics[key] for which, key in of_newest.items() if key in metrics}


def _listed(
    store: Store,
    attempts: Sequence[AttemptRecord],
    events: Mapping[AttemptKey, tuple[Event, ...]],
    now_s: float,
    *,
    with_progress: bool = True,
) -> tuple[Listed, ...]:
    running = [
        one.key for one in attempts if with_progress and one.is_open and one.ready_at_s is not None
    ]
    steps = store.sample_store.first_and_newest(running, newest=NEWEST) if running else {}
    return tuple(
        Listed(
            attempt=one,
            progress=progress(one, steps.get(one.key, ()), now_s=now_s),
            times=times(one, events[one.key], now_s=now_s),
            doing=doing(one, events[one.key], now_s=now_s) if one.is_open else None,
        )
        for one in attempts
    )
