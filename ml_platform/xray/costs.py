"""What attempts cost, and how much of that was for nothing; pure.

An attempt is paid for from when its cluster was ready until its end, head and all workers, whether
they worked or not: what is queued costs nothing. Without a price a cost is unknown, and never 0.

Whatever is added is added by `fsum`, which rounds once, at the end: a sum does not depend on the
order of its parts, and ten times 0.10 is a budget of 1.00.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, Final

from ml_platform.clusters.spec import ON_KUBERNETES, ClusterSpec
from ml_platform.xray.attempt import AttemptKey, AttemptRecord
from ml_platform.xray.prices import GIB, Prices, spec_of

HOUR_S: Final = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What an attempt has cost until its end or until now.

    Attributes:
        paid_s: From when its cluster was ready.
        idle_s: Of that, before its driver began and after it ended.
        cpu_hours: CPUs of head and workers, for that time.
        gib_hours: Their memory.
        gpu_hours: Their GPUs.
        total: In the currency of the prices; None where one is not known.
        idle: Of that, for `idle_s`.
        wasted: All of it if it failed, and nobody went on from a checkpoint of it.
    """

    paid_s: float
    idle_s: float
    cpu_hours: float
    gib_hours: float
    gpu_hours: float
    total: float | None
    idle: float | None
    wasted: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CostSum:
    """What several attempts have cost.

    Attributes:
        name: What they have in common, as a model, a team or a cause; empty for all.
        attempts: How many.
        unknown: How many of them have no known cost, and are in no sum of money.
        cpu_hours: Of all, as are the other hours.
        total: Of those that are known; None if there is none. So are `idle` and `wasted`.
    """

    name: str
    attempts: int
    unknown: int
    cpu_hours: float
    gib_hours: float
    gpu_hours: float
    total: float | None
    idle: float | None
    wasted: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """An hour of a cluster.

    Attributes:
        cpus: Of head and workers, as are the others.
        gib: Their memory.
        gpus: Their GPUs.
        price: In the currency of the prices; None where one is not known.
    """

    cpus: float
    gib: float
    gpus: float
    price: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnHour:
    """What goes on costs so much an hour now.

    Attributes:
        attempts: Whose clusters are paid for.
        unknown: How many of them have no known price, and are not in the sum.
        price: Of the others together; None if there are none.
    """

    attempts: int
    unknown: int
    price: float | None


def hour_of(spec: ClusterSpec | None, prices: Prices) -> Hour:
    """What an hour of a cluster is; None is one that only a newer program knows."""
    if spec is None:
        return Hour(cpus=0.0, gib=0.0, gpus=0.0, price=None)
    return Hour(
        cpus=spec.cpus,
        gib=spec.memory_bytes / GIB,
        gpus=spec.gpus,
        price=prices.of_cluster(spec),
    )


class Hours:
    """What an hour of each cluster is; specs that are one object are looked at once.

    Those that were read together are one object where they are equal: 10,000 take 10 ms then.

    Args:
        prices: Of an hour.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._known: dict[int, tuple[Mapping[str, Any], Hour]] = {}  # kept: an id is used again

    def of(self, spec: Mapping[str, Any]) -> Hour:
        """An hour of the cluster that a record asks for."""
        known = self._known.get(id(spec))
        if known is None:
            known = self._known[id(spec)] = spec, hour_of(spec_of(spec), self._prices)
        return known[1]


def an_hour(attempts: Iterable[AttemptRecord], prices: Prices) -> AnHour:
    """What those cost an hour that go on; who is queued, or on one's own machine, costs nothing."""
    hours = [
        hour_of(spec_of(one.spec), prices)
        for one in attempts
        if one.is_open and one.ready_at_s is not None and one.provisioner in ON_KUBERNETES
    ]
    known = [one.price for one in hours if one.price is not None]
    return AnHour(
        attempts=len(hours),
        unknown=len(hours) - len(known),
        price=fsum(known) if known else None,
    )


def cost_of(
    attempt: AttemptRecord,
    prices: Prices,
    *,
    now_s: float,
    was_used: bool = False,
    hour: Hour | None = None,
) -> Cost:
    """What one has cost.

    Args:
        attempt: Which.
        prices: Of an hour.
        now_s: Now, in seconds since 1970, if it goes on.
        was_used: Whether another went on from a checkpoint of it, see `used`.
        hour: What an hour of its cluster is, if that is known already.
    """
    end_s = now_s if attempt.ended_at_s is None else attempt.ended_at_s
    # One that never was ready is not paid for.
    paid_s = 0.0 if attempt.ready_at_s is None else max(0.0, end_s - attempt.ready_at_s)
    ran_s = attempt.ran_s
    if ran_s is None:
        ran_s = 0.0 if attempt.started_at_s is None else end_s - attempt.started_at_s
    idle_s = min(paid_s, max(0.0, paid_s - ran_s))
    hour = hour or hour_of(spec_of(attempt.spec), prices)
    failed_for_nothing = attempt.status == "failed" and not was_used
    wasted_s = paid_s if failed_for_nothing else 0.0
    return cost_for(hour, paid_s=paid_s, idle_s=idle_s, wasted_s=wasted_s)


def cost_for(hour: Hour, *, paid_s: float, idle_s: float, wasted_s: float) -> Cost:
    """What these seconds of a cluster cost; idle and wasted ones are among those that are paid."""
    hours = paid_s / HOUR_S

    def price(seconds: float) -> float | None:
        return None if hour.price is None else hour.price * (seconds / HOUR_S)

    return Cost(
        paid_s=paid_s,
        idle_s=idle_s,
        cpu_hours=hours * hour.cpus,
        gib_hours=hours * hour.gib,
        gpu_hours=hours * hour.gpus,
        total=price(paid_s),
        idle=price(idle_s),
        wasted=price(wasted_s),
    )


def costs(
    attempts: Sequence[AttemptRecord], prices: Prices, *, now_s: float
) -> dict[AttemptKey, Cost]:
    """What each has cost; of a training all attempts are there that came later."""
    went_on, hours = used(attempts), Hours(prices)
    return {
        one.key: cost_of(
            one, prices, now_s=now_s, was_used=one.key in went_on, hour=hours.of(one.spec)
        )
        for one in attempts
    }


def used(attempts: Iterable[AttemptRecord]) -> frozenset[AttemptKey]:
    """Those of which a later attempt of the training has taken the checkpoint.

    An attempt goes on from the newest checkpoint that there was at the end of the one before it.
    """
    there = {one.key: one for one in attempts}
    return frozenset(
        (one.training, one.partition, one.checkpoint_attempt)
        for one in there.values()
        if one.checkpoint_attempt is not None
        and (one.training, one.partition, one.number + 1) in there
    )


def summed(
    attempts: Sequence[AttemptRecord], of_each: Mapping[AttemptKey, Cost], *, name: str = ""
) -> CostSum:
    """Their costs together."""
    return sum_of(((1, of_each[one.key]) for one in attempts), name=name)


def sum_of(found: Iterable[tuple[int, Cost]], *, name: str) -> CostSum:
    """Costs together, each of so many attempts whose price is known for all or for none."""
    attempts = unknown = 0
    parts = []
    for several, one in found:
        attempts += several
        unknown += several if one.total is None else 0
        money = one.total or 0.0, one.idle or 0.0, one.wasted or 0.0
        parts.append((one.cpu_hours, one.gib_hours, one.gpu_hours, *money))
    # Most of 5,000 runs are one part each, which is its own sum.
    sums = parts[0] if len(parts) == 1 else [fsum(column) for column in zip(*parts, strict=True)]
    cpu_hours, gib_hours, gpu_hours, total, idle, wasted = sums or [0.0] * 6
    is_known = attempts > unknown
    return CostSum(
        name=name,
        attempts=attempts,
        unknown=unknown,
        cpu_hours=cpu_hours,
        gib_hours=gib_hours,
        gpu_hours=gpu_hours,
        total=total if is_known else None,
        idle=idle if is_known else None,
        wasted=wasted if is_known else None,
    )
