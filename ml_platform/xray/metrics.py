"""What X-Ray knows, as Prometheus reads it: what goes on, how it ends, what it costs an hour.

`known` asks the store, `exposition` writes; nothing waits for storage. No metric is counted in this
process: whichever server of one database is asked says the same, and a restart forgets nothing.

A counter must not fall when old attempts are pruned. So what is counted begins anew each Monday,
00:00 UTC, which Prometheus takes as it takes a restart; and nothing is pruned that is younger than
a week.
"""

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from ml_platform.clusters.causes import Cause
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.costs import an_hour
from ml_platform.xray.listing import Listed, listed
from ml_platform.xray.prices import Prices
from ml_platform.xray.reaped import monday_s
from ml_platform.xray.store import Store

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
RECENT_S: Final = 86_400.0
RECENT_AT_MOST: Final = 1000
"""Attempts of the last day that are looked at: the newest."""
BUCKETS_S: Final = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21_600)
"""From a local Ray, which is ready in 10 s, to a queue of a night."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known now.

    Attributes:
        going_on: Attempts that have not ended.
        ended: How many have ended since Monday, by status and cause.
        recent: Attempts that have lived in the last day, those that go on among them.
        prices: Of an hour.
        gathered_at_s: When all that the storage had was in the store, in seconds since 1970; None
            if it never was.
        has_trouble: Whether not all is gathered.
        reaped: How many clusters the reaper has removed since Monday; None if that is not known.
        now_s: Now, in seconds since 1970.
    """

    going_on: tuple[Listed, ...] = ()
    ended: Mapping[tuple[str, str], int] = field(default_factory=dict)
    recent: tuple[Listed, ...] = ()
    prices: Prices = field(default_factory=Prices)
    gathered_at_s: float | None = None
    has_trouble: bool = False
    reaped: int | None = None
    now_s: float


def known(
    store: Store,
    storage_root: str,
    *,
    prices: Prices,
    has_trouble: bool,
    reaped: int | None = None,
    now_s: float,
) -> Known:
    """What the store knows.

    Raises:
        XrayError: the store fails.
    """
    recent = store.attempts(since_s=now_s - RECENT_S, limit=RECENT_AT_MOST)
    told = listed(store, recent, now_s=now_s, with_progress=False)
    return Known(
        going_on=tuple(one for one in told if one.attempt.is_open),
        ended=store.ended_since(monday_s(now_s)),
        recent=told,
        prices=prices,
        gathered_at_s=store.gathering.gathered_at_s(storage_root),
        has_trouble=has_trouble,
        reaped=reaped,
        now_s=now_s,
    )


def exposition(known: Known) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(known))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, known: Known) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        known = self._known
        yield from _going_on(known.going_on)
        yield _ended(known.ended)
        since_s = known.now_s - RECENT_S
        yield _histogram(
            "mlp_attempt_ready_seconds",
            "Attempts whose clusters became ready in the last 24 hours, by the seconds from their "
            "claims. It slides: without rate().",
            (
                (attempt.model, attempt.ready_at_s - attempt.claimed_at_s)
                for attempt in (one.attempt for one in known.recent)
                if attempt.ready_at_s is not None and attempt.ready_at_s >= since_s
            ),
        )
        yield _histogram(
            "mlp_attempt_queue_seconds",
            "Attempts of the last 24 hours that waited in a queue, by the seconds until now or "
            "until they were given a place. It slides: without rate().",
            (
                (one.attempt.model, one.times.queued_s)
                for one in known.recent
                if one.times.queued_s is not None
            ),
        )
        yield from _costs(known.going_on, known.prices)
        if known.reaped is not None:
            yield CounterMetricFamily(
                "mlp_clusters_reaped",
                "Clusters that the reaper has removed since Monday, 00:00 UTC, when it begins "
                "anew.",
                value=known.reaped,
            )
        if known.gathered_at_s is not None:
            yield GaugeMetricFamily(
                "mlp_xray_gathered_timestamp_seconds",
                "When all attempts of the storage were in X-Ray's database, since 1970.",
                value=known.gathered_at_s,
            )
        yield GaugeMetricFamily(
            "mlp_xray_gathering_trouble",
            "1 while not all can be gathered; X-Ray's pages say why.",
            value=float(known.has_trouble),
        )


def _going_on(attempts: Sequence[Listed]) -> Iterator[Metric]:
    labels = ("model", "state")
    counts: Counter[tuple[str, str]] = Counter()
    longest: dict[tuple[str, str], float] = {}
    for one in attempts:
        if one.doing is not None:
            where: tuple[str, str] = (one.attempt.model, one.doing.state)
            counts[where] += 1
            longest[where] = max(longest.get(where, 0.0), one.doing.seconds)
    found = GaugeMetricFamily(
        "mlp_attempts_open", "Attempts that go on: queued, starting or running.", labels=labels
    )
    oldest = GaugeMetricFamily(
        "mlp_attempts_open_longest_seconds",
        "For how long the one has been running that has run longest; or has waited, since its "
        "claim, that is queued or starting.",
        labels=labels,
    )
    for where, count in sorted(counts.items()):
        found.add_metric(where, count)
        oldest.add_metric(where, longest[where])
    yield found
    yield oldest


def _ended(counts: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(
        "mlp_attempts_ended",
        "Attempts that have ended since Monday, 00:00 UTC, when it begins anew.",
        labels=("status", "cause"),
    )
    # From 0 on: of a series that begins at 1, `increase` never sees the first.
    usual = [("succeeded", ""), ("superseded", ""), *(("failed", one.value) for one in Cause)]
    for status, cause in sorted({*usual, *counts}):
        family.add_metric((status, cause), counts.get((status, cause), 0))
    return family


def _histogram(name: str, documentation: str, seconds: Iterable[tuple[str, float]]) -> Metric:
    of_models: dict[str, list[float]] = {}
    for model, one in seconds:
        of_models.setdefault(model, []).append(max(0.0, one))
    family = GaugeHistogramMetricFamily(name, documentation, labels=("model",))
    for model, several in sorted(of_models.items()):
        counts = [0] * (len(BUCKETS_S) + 1)
        for one in several:
            counts[bisect.bisect_left(BUCKETS_S, one)] += 1
        names = (*(str(float(bound)) for bound in BUCKETS_S), "+Inf")
        buckets = zip(names, accumulate(counts), strict=True)
        family.add_metric((model,), [(bound, float(one)) for bound, one in buckets], sum(several))
    return family


def _costs(attempts: Sequence[Listed], prices: Prices) -> Iterator[Metric]:
    of_models: dict[str, list[AttemptRecord]] = {}
    for one in attempts:
        of_models.setdefault(one.attempt.model, []).append(one.attempt)
    known = GaugeMetricFamily(
        "mlp_cost_per_hour",
        "What the clusters of attempts cost an hour now, in the currency of the prices.",
        labels=("model",),
    )
    unpriced = GaugeMetricFamily(
        "mlp_attempts_unpriced",
        "Attempts whose clusters are paid for and in no cost, since no price of them is known.",
        labels=("model",),
    )
    for model, several in sorted(of_models.items()):
        hour = an_hour(several, prices)
        if hour.price is not None:
            known.add_metric((model,), hour.price)
        if hour.unknown:
            unpriced.add_metric((model,), hour.unknown)
    yield known
    yield unpriced
