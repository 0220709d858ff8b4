"""What is spent of each budget now, out of the store."""

from collections.abc import Sequence

from ml_platform.xray.budgets import Limit, Spent, began_s, spent
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store


def budget_spending(
    store: Store, limits: Sequence[Limit], *, prices: Prices, now_s: float
) -> tuple[Spent, ...]:
    """What is spent of each limit, in their order.

    The store is asked once for each period, however many limits there are.

    Args:
        store: Where the attempts are.
        limits: Which.
        prices: Of an hour.
        now_s: Now, in seconds since 1970.

    Raises:
        XrayError: the store fails.
    """
    periods = dict.fromkeys(one.period for one in limits)
    paid = {one: store.paid.since(began_s(one, now_s), now_s=now_s) for one in periods}
    return tuple(spent(one, paid[one.period], prices, now_s=now_s) for one in limits)
