"""The page of costs: what was spent on what, and what of it was wasted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args
from urllib.parse import urlencode

from ml_platform.clusters.causes import Cause
from ml_platform.errors import InputError
from ml_platform.xray.budgets import Limit
from ml_platform.xray.costs import CostSum
from ml_platform.xray.pages import addresses, budgets_table
from ml_platform.xray.pages.budgets_table import BudgetRow, budget_rows, told_of
from ml_platform.xray.pages.table import STATUSES, Column, having, ordered, turned
from ml_platform.xray.paid import NO_BACKFILL, NO_TEAM, By
from ml_platform.xray.prices import Prices
from ml_platform.xray.spending import Spending, spending
from ml_platform.xray.store import Store
from ml_platform.xray.words import money

BYS: Final[tuple[By, ...]] = get_args(By)
SPANS_S: Final[Mapping[str, float | None]] = {
    "1d": 86_400.0,
    "7d": 604_800.0,
    "30d": 2_592_000.0,
    "90d": 7_776_000.0,
    "all": None,
}
USUAL_SPAN: Final = "30d"
SHOWN: Final = 200
"""Rows on the page; its CSV has all."""

CHOICES: Final[Mapping[str, Any]] = {
    "bys": tuple((one, one) for one in BYS),
    "spans": tuple((one, "any time" if one == "all" else one) for one in SPANS_S),
    "shown": SHOWN,
}
"""What the page offers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenCosts:
    """Which costs an address asks for, and in which order.

    Attributes:
        by: What the attempts of a row have in common.
        since: Of which span of time.
        q: What the name of a row has in it; empty for all rows.
        sort: By which column.
        budgets: By which column the budgets are.
    """

    by: By = "model"
    since: str = USUAL_SPAN
    q: str = ""
    sort: str = ""
    budgets: str = ""

    def sorted_by(self, name: str) -> str:
        """The query of the same, sorted by a column."""
        return self._with(sort=turned(self.sort, name))

    def budgets_by(self, name: str) -> str:
        """The query of the same, with the budgets sorted by a column of theirs."""
        return self._with(budgets=turned(self.budgets, name))

    def of_all(self) -> str:
        """The query of the same, whatever the names of the rows."""
        return self._with(q="")

    def _with(self, **values: str) -> str:
        query = asdict(self) | values
        return f"?{urlencode({name: value for name, value in query.items() if value})}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CostRow:
    """A part of the costs, and the page of what it was spent on; empty where there is none."""

    cost: CostSum
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CostsPage:
    """What the page of costs shows.

    Attributes:
        sentence: What was spent on what, and what of it was wasted.
        chosen: Which costs these are.
        rows: Those that are chosen, the dearest first, unless they are sorted.
        whole: All of them.
        has_price: Whether anything has one; without, nothing but hours is known.
        told: A sentence for each budget that is over, or is warned of.
        budgets: Each with what is spent of it now, whatever span of time is chosen.
    """

    sentence: str
    chosen: ChosenCosts
    rows: tuple[CostRow, ...]
    whole: CostSum
    has_price: bool
    told: tuple[str, ...]
    budgets: tuple[BudgetRow, ...]


COLUMNS: Final[tuple[Column[CostRow], ...]] = (
    Column(name="name", title="On what", value=lambda one: one.cost.name),
    Column(name="attempts", title="Attempts", value=lambda one: one.cost.attempts, is_number=True),
    Column(name="cost", title="Cost", value=lambda one: one.cost.total, is_number=True),
    Column(name="wasted", title="Wasted", value=lambda one: one.cost.wasted, is_number=True),
    Column(name="idle", title="Idle", value=lambda one: one.cost.idle, is_number=True),
    Column(name="cpu_hours", title="CPU h", value=lambda one: one.cost.cpu_hours, is_number=True),
    Column(name="gib_hours", title="GiB h", value=lambda one: one.cost.gib_hours, is_number=True),
    Column(name="gpu_hours", title="GPU h", value=lambda one: one.cost.gpu_hours, is_number=True),
    Column(name="unknown", value=lambda one: one.cost.unknown, is_number=True),
)


def chosen_costs(query: Mapping[str, str]) -> ChosenCosts:
    """What an address chooses.

    Raises:
        InputError: a value cannot be; names those that can.
    """
    by, since = query.get("by", "") or BYS[0], query.get("since", "") or USUAL_SPAN
    for what, value, known in (("part", by, BYS), ("span of time", since, tuple(SPANS_S))):
        if value not in known:
            raise InputError(
                f"there is no {what} {value!r}", hint=f"it is one of {', '.join(known)}."
            )
    (known_by,) = (one for one in BYS if one == by)
    return ChosenCosts(
        by=known_by,
        since=since,
        q=query.get("q", "").strip(),
        sort=query.get("sort", ""),
        budgets=query.get("budgets", ""),
    )


def costs_page(
    store: Store,
    chosen: ChosenCosts,
    *,
    prices: Prices,
    now_s: float,
    limits: Sequence[Limit] = (),
) -> CostsPage:
    """The page of costs.

    Raises:
        InputError: there is no column to sort by.
    """
    span_s = SPANS_S[chosen.since]
    found = spending(
        store,
        chosen.by,
        prices=prices,
        now_s=now_s,
        since_s=None if span_s is None else now_s - span_s,
        limits=limits,
    )
    budgets = budget_rows(found.budgets)
    rows = having(
        [CostRow(cost=one, address=_address(chosen.by, one.name)) for one in found.parts],
        COLUMNS,
        chosen.q,
    )
    return CostsPage(
        sentence=_sentence(found, chosen.since),
        chosen=chosen,
        rows=tuple(ordered(rows, COLUMNS, chosen.sort)),
        whole=found.whole,
        has_price=found.whole.total is not None,
        told=told_of(budgets),
        budgets=tuple(ordered(budgets, budgets_table.COLUMNS, chosen.budgets)),
    )


def _sentence(found: Spending, since: str) -> str:
    whole = found.whole
    when = "Ever since" if since == "all" else f"In the last {since.removesuffix('d')} days"
    when = "In the last day" if since == "1d" else when
    if not whole.attempts:
        return "No attempt is known." if since == "all" else f"{when} no attempt has lived."
    attempts = "1 attempt" if whole.attempts == 1 else f"{whole.attempts:,} attempts"
    if whole.total is None:
        return (
            f"{when} {attempts} took {whole.cpu_hours:,.1f} CPU hours; what that cost is unknown."
        )
    wasted = f"{money(whole.wasted)} of it wasted" if whole.wasted else "nothing of it wasted"
    dearest = found.parts[0]
    most = f"; most, {money(dearest.total)}, for {dearest.name}" if len(found.parts) > 1 else ""
    unknown = f" Of {whole.unknown:,} of them the cost is unknown." if whole.unknown else ""
    return f"{when} {attempts} cost {money(whole.total)}, {wasted}{most}.{unknown}"


def _address(by: By, name: str) -> str:
    """The page of what a part was spent on."""
    query: dict[str, Any]
    match by:
        case "model":
            return addresses.model_page(name)
        case "run":
            return addresses.run_page(name)
        case "partition":
            model, _, partition = name.partition(" of ")
            query = {"model": model, "partition": partition}
        case "backfill":
            return "" if name == NO_BACKFILL else addresses.backfill_page(name)
        case "team":
            if name == NO_TEAM:
                return ""
            query = {by: name}
        case "cause":
            is_cause = name in {one.value for one in Cause}
            query = {"cause": name} if is_cause else {"status": name}
            if not is_cause and name not in STATUSES:  # of a newer program
                return "/"
    return f"/attempts?{urlencode(query)}"
