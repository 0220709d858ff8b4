"""Findings and costs of attempts, out of the store."""

import math
from collections.abc import Collection, Sequence
from typing import Final

from ml_platform.xray.attempt import AttemptKey, AttemptRecord
from ml_platform.xray.costs import Cost, CostSum, costs, summed
from ml_platform.xray.findings.finding import Finding, Past, Seen
from ml_platform.xray.findings.judges import findings_of
from ml_platform.xray.prices import Prices
from ml_platform.xray.prune import THINNED_TO_S
from ml_platform.xray.records import Event
from ml_platform.xray.store import Store
from ml_platform.xray.timeline import times

EARLIER: Final = 20
"""Attempts that one is compared with at most."""
STRETCHES: Final = 200
"""Samples of each worker and node at most: of two days on eight nodes there are 50,000."""


def judged(
    store: Store,
    attempt: AttemptRecord,
    *,
    prices: Prices,
    loud: Collection[str],
    now_s: float,
) -> tuple[Finding, ...]:
    """What was found in an attempt, of what the store has of it."""
    return findings_of(seen_of(store, attempt, prices=prices, now_s=now_s), loud=loud)


def seen_of(store: Store, attempt: AttemptRecord, *, prices: Prices, now_s: float) -> Seen:
    """What is known of an attempt, and of those that it is compared with."""
    earlier = store.earlier(attempt, limit=EARLIER)
    events = events_of(store, [attempt, *earlier])
    training = [one for one in siblings(store, attempt) if one.number <= attempt.number]
    return Seen(
        attempt=attempt,
        events=events[attempt.key],
        samples=store.samples(attempt, every_s=merged_to_s(attempt, now_s=now_s)),
        training=tuple(training),
        earlier=tuple(
            Past(attempt=one, times=times(one, events[one.key], now_s=now_s)) for one in earlier
        ),
        prices=prices,
        now_s=now_s,
    )


def merged_to_s(attempt: AttemptRecord, *, now_s: float) -> float:
    """The stretch of which findings see one sample: in a long attempt it is longer.

    At least as long as what is left in a week, so that what is found stays so.
    """
    end_s = now_s if attempt.ended_at_s is None else attempt.ended_at_s
    length_s = max(0.0, end_s - attempt.claimed_at_s)
    return THINNED_TO_S * max(1, math.ceil(length_s / STRETCHES / THINNED_TO_S))


def cost_of_training(
    store: Store, attempt: AttemptRecord, *, prices: Prices, now_s: float
) -> CostSum:
    """What all attempts of a training have cost together."""
    found = siblings(store, attempt)
    return summed(found, costs(found, prices, now_s=now_s))


def cost_of_one(store: Store, attempt: AttemptRecord, *, prices: Prices, now_s: float) -> Cost:
    """What an attempt has cost; wasted or not, as those after it went on."""
    return costs(siblings(store, attempt), prices, now_s=now_s)[attempt.key]


def events_of(
    store: Store, attempts: Sequence[AttemptRecord], *, names: Collection[str] = ()
) -> dict[AttemptKey, tuple[Event, ...]]:
    """What began and ended in each, oldest first; of these names alone, if some are given."""
    found = store.events(attempts, names=names)
    return {key: tuple(named.values()) for key, named in found.items()}


def siblings(store: Store, attempt: AttemptRecord) -> list[AttemptRecord]:
    """The attempts of a training, oldest first."""
    found = store.of_training(attempt.training)
    return sorted(
        (one for one in found if one.partition == attempt.partition), key=lambda one: one.number
    )
