"""What was spent, on what, and what of it was wasted, out of the store."""

from collections.abc import Iterable
from dataclasses import dataclass

from ml_platform.xray.costs import HOUR_S, CostSum, Hour, hour_of
from ml_platform.xray.paid import By, PaidTime
from ml_platform.xray.prices import Prices, spec_of
from ml_platform.xray.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What attempts have cost: the parts, the dearest first, and the whole."""

    by: By
    parts: tuple[CostSum, ...]
    whole: CostSum


def spending(
    store: Store,
    by: By,
    *,
    prices: Prices,
    now_s: float,
    since_s: float | None = None,
    model: str = "",
) -> Spending:
    """What was spent.

    Args:
        store: Where the attempts are.
        by: What the attempts of a part have in common.
        prices: Of an hour.
        now_s: Now, in seconds since 1970, for those that go on.
        since_s: On those that have lived since then alone; on all of each of them.
        model: On this model alone, if one is given.
    """
    found = store.paid_times(by, model=model, since_s=since_s, now_s=now_s)
    hours: dict[int, Hour] = {}  # equal specs are one object
    parts: dict[str, list[tuple[PaidTime, Hour]]] = {}
    for one in found:
        hour = hours.get(id(one.spec))
        if hour is None:
            hour = hours[id(one.spec)] = hour_of(spec_of(one.spec), prices)
        parts.setdefault(one.name, []).append((one, hour))
    sums = [_summed(name, several) for name, several in parts.items()]
    return Spending(
        by=by,
        parts=tuple(sorted(sums, key=lambda one: (-(one.total or 0.0), -one.cpu_hours, one.name))),
        whole=_summed("all", [one for several in parts.values() for one in several]),
    )


def _summed(name: str, several: Iterable[tuple[PaidTime, Hour]]) -> CostSum:
    attempts = unknown = 0
    cpu_hours = gib_hours = gpu_hours = total = idle = wasted = 0.0
    for one, hour in several:
        hours = one.paid_s / HOUR_S
        attempts += one.attempts
        cpu_hours += hours * hour.cpus
        gib_hours += hours * hour.gib
        gpu_hours += hours * hour.gpus
        if hour.price is None:
            unknown += one.attempts
        else:
            total += hour.price * hours
            idle += hour.price * one.idle_s / HOUR_S
            wasted += hour.price * one.wasted_s / HOUR_S
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
