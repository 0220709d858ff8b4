"""What was spent, on what, and what of it was wasted, out of the store."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_platform.xray.budget_spending import budget_spending
from ml_platform.xray.budgets import Limit, Spent
from ml_platform.xray.costs import Cost, CostSum, Hours, cost_for, sum_of
from ml_platform.xray.paid import By
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What attempts have cost: the parts, the dearest first, and the whole.

    Attributes:
        by: What the attempts of a part have in common.
        parts: The dearest first.
        whole: All of them.
        budgets: What is spent of each budget in its own period, whatever was asked for.
    """

    by: By
    parts: tuple[CostSum, ...]
    whole: CostSum
    budgets: tuple[Spent, ...] = ()


def spending(
    store: Store,
    by: By,
    *,
    prices: Prices,
    now_s: float,
    since_s: float | None = None,
    model: str = "",
    limits: Sequence[Limit] = (),
) -> Spending:
    """What was spent.

    Args:
        store: Where the attempts are.
        by: What the attempts of a part have in common.
        prices: Of an hour.
        now_s: Now, in seconds since 1970, for those that go on.
        since_s: On those that have lived since then alone; on all of each of them.
        model: On this model alone, if one is given.
        limits: Budgets to look at.
    """
    found = store.paid.times(by, model=model, since_s=since_s, now_s=now_s)
    hours = Hours(prices)
    parts: dict[str, list[tuple[int, Cost]]] = {}
    for one in found:
        cost = cost_for(
            hours.of(one.spec), paid_s=one.paid_s, idle_s=one.idle_s, wasted_s=one.wasted_s
        )
        parts.setdefault(one.name, []).append((one.attempts, cost))
    sums = [sum_of(several, name=name) for name, several in parts.items()]
    return Spending(
        by=by,
        parts=tuple(sorted(sums, key=lambda one: (-(one.total or 0.0), -one.cpu_hours, one.name))),
        whole=sum_of((one for several in parts.values() for one in several), name="all"),
        budgets=budget_spending(store, limits, prices=prices, now_s=now_s),
    )
