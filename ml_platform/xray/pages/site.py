"""What the pages are made of."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from ml_platform.xray.budgets import Limit
from ml_platform.xray.pages.access import Access
from ml_platform.xray.pages.addresses import Others
from ml_platform.xray.pages.cluster_acts import ClusterActs
from ml_platform.xray.pages.inventory import Inventory
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What the pages are made of.

    Attributes:
        store: What has been gathered.
        others: Pages of others that ours lead to.
        access: Who may read, and who may act.
        now: Seconds since 1970.
        trouble: Why not all is gathered, in words; empty if nothing is missing.
        metrics: What Prometheus reads.
        prices: Of an hour.
        limits: Budgets.
        loud: Findings that a person has turned on.
        inventory: Which clusters there are.
        acts: What operators do to them; None where nothing can be done from the pages.
    """

    store: Store
    others: Others
    access: Access
    now: Callable[[], float]
    trouble: Callable[[], str]
    metrics: Callable[[], bytes]
    prices: Prices = field(default_factory=Prices)
    limits: Sequence[Limit] = ()
    loud: Collection[str] = ()
    inventory: Inventory = field(default_factory=lambda: Inventory(now=time.time))
    acts: ClusterActs | None = None
