"""What was spent, on what, and what of it was wasted, out of the store."""

from dataclasses import dataclass

from ml_platform.xray.costs import By, CostSum, costs, summed, summed_by
from ml_platform.xray.prices import Prices
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
    found = store.paid_attempts(model=model, since_s=since_s)
    of_each = costs(found, prices, now_s=now_s)
    return Spending(
        by=by, parts=summed_by(by, found, of_each), whole=summed(found, of_each, name="all")
    )
