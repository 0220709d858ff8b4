"""The page of a backfill: its partitions, what became of each, how long it took, what it cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ml_platform.errors import InputError
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.costs import CostSum, costs, summed
from ml_platform.xray.curves import Metric
from ml_platform.xray.listing import Listed, listed, newest_metrics
from ml_platform.xray.pages.table import Column, metric_columns, of_state, ordered
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store
from ml_platform.xray.words import money, span

LOOKED_AT: Final = 2000
"""Attempts at most: a year of a model whose partitions need five each."""
_WORDS: Final = (
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("superseded", "superseded"),
    ("open", "going on"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillRow:
    """A partition of a backfill.

    Attributes:
        model: Of what.
        partition: Which.
        attempts: How many the backfill made for it.
        newest: The newest of them.
        took_s: From the claim of the first to the end of the last, or until now.
        cost: Of all of them.
        metric: The one that tells most of what its newest success reported last; None without one.
    """

    model: str
    partition: str
    attempts: int
    newest: Listed
    took_s: float
    cost: CostSum
    metric: Metric | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillPage:
    """What the page of a backfill shows.

    Attributes:
        backfill: Its id.
        sentence: How it has gone.
        sort: By which column its partitions are sorted.
        state: Of which its partitions are shown; empty for all.
        partitions: By their names, the newest first, unless they are sorted.
        whole: What all of them cost.
        is_cut: Whether there are older attempts that this does not count.
        goes_on: Whether anything does.
    """

    backfill: str
    sentence: str
    sort: str
    state: str
    partitions: tuple[BackfillRow, ...]
    whole: CostSum
    is_cut: bool
    goes_on: bool


COLUMNS: Final[tuple[Column[BackfillRow], ...]] = (
    Column(name="model", title="Model", value=lambda one: one.model),
    Column(name="partition", title="Partition", value=lambda one: one.partition),
    Column(name="state", title="State", value=lambda one: one.newest.attempt.status),
    Column(name="cause", title="Why", value=lambda one: one.newest.attempt.cause),
    Column(name="attempts", title="Attempts", value=lambda one: one.attempts, is_number=True),
    Column(name="took_s", title="Took", value=lambda one: one.took_s, is_number=True),
    *metric_columns(lambda one: one.metric),
    Column(name="cost", title="Cost", value=lambda one: one.cost.total, is_number=True),
    Column(name="wasted", title="Wasted", value=lambda one: one.cost.wasted, is_number=True),
    Column(name="attempt", title="Newest", value=lambda one: one.newest.attempt.id),
)


def backfill_page(
    store: Store, backfill: str, sort: str, state: str = "", *, prices: Prices, now_s: float
) -> BackfillPage:
    """The page of a backfill.

    Raises:
        InputError: no attempt of it is known, or there is no such column or state.
    """
    found = store.attempts(backfill=backfill, limit=LOOKED_AT) if backfill else []
    if not found:
        raise InputError(
            f"no attempt of a backfill {backfill!r} is known",
            hint="`/costs?by=backfill` has all that have attempts; one that has just begun has "
            "none yet.",
        )
    of_each = costs(found, prices, now_s=now_s)
    parts: dict[tuple[str, str], list[AttemptRecord]] = {}
    for one in found:
        parts.setdefault((one.model, one.partition), []).append(one)
    newest = [max(several, key=lambda one: one.claimed_at_s) for several in parts.values()]
    metrics = newest_metrics(store, found)
    rows = [
        BackfillRow(
            model=model,
            partition=partition,
            attempts=len(several),
            newest=last,
            took_s=_took_s(several, now_s),
            cost=summed(several, of_each),
            metric=metrics.get((model, partition)),
        )
        for ((model, partition), several), last in zip(
            parts.items(), listed(store, newest, now_s=now_s), strict=True
        )
    ]
    rows.sort(key=lambda one: (one.partition, one.model), reverse=True)
    whole = summed(found, of_each, name="all")
    return BackfillPage(
        backfill=backfill,
        sentence=_sentence(rows, whole, took_s=_took_s(found, now_s)),
        sort=sort,
        state=state,
        partitions=tuple(ordered(of_state(rows, state, _status), COLUMNS, sort)),
        whole=whole,
        is_cut=len(found) == LOOKED_AT,
        goes_on=any(one.is_open for one in found),
    )


def _status(row: BackfillRow) -> str:
    return row.newest.attempt.status


def _took_s(attempts: Sequence[AttemptRecord], now_s: float) -> float:
    ends = (now_s if one.ended_at_s is None else one.ended_at_s for one in attempts)
    return max(0.0, max(ends) - min(one.claimed_at_s for one in attempts))


def _sentence(rows: Sequence[BackfillRow], whole: CostSum, *, took_s: float) -> str:
    """`3 partitions of flight_delay from 2013-03-14 to 2013-03-16: 2 succeeded, …`."""
    counted: Counter[str] = Counter(one.newest.attempt.status for one in rows)
    states = ", ".join(f"{counted[status]} {word}" for status, word in _WORDS if counted[status])
    models = sorted({one.model for one in rows})
    of = models[0] if len(models) == 1 else f"{len(models)} models"
    days = sorted(one.partition for one in rows)
    when = f"of {days[0]}" if days[0] == days[-1] else f"from {days[0]} to {days[-1]}"
    noun = "partition" if len(rows) == 1 else "partitions"
    cost = "what it cost is unknown"
    if whole.total is not None:
        wasted = f"{money(whole.wasted)} of it wasted" if whole.wasted else "nothing of it wasted"
        cost = f"it cost {money(whole.total)}, {wasted}"
        if whole.unknown:
            cost += f", and of {whole.unknown} attempts that is unknown"
    return f"{len(rows)} {noun} of {of} {when}: {states}, in {span(took_s)}; {cost}."
