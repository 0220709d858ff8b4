"""The page of a model: its partitions, how long each took, and what came of it."""

from dataclasses import dataclass
from typing import Final

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.costs import CostSum, costs, summed
from ml_platform.xray.curves import Metric
from ml_platform.xray.find import find_attempt
from ml_platform.xray.listing import Listed, listed, newest_metrics
from ml_platform.xray.pages.addresses import Others
from ml_platform.xray.pages.picture import Chart, chart_of
from ml_platform.xray.pages.table import Column, metric_columns, of_state, ordered
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store
from ml_platform.xray.words import span

LOOKED_AT: Final = 400
"""Of the model's newest attempts: more take a tenth of a second and are read by nobody."""
IN_CHART: Final = 60
"""Partitions; more are thinner than a line on a phone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionRow:
    """A partition.

    Attributes:
        partition: Which one.
        attempts: How many were made for it, also for other parameters.
        newest: The newest of them.
        metric: The one that tells most of what its newest success reported last; None without one.
        cost: Of all its attempts that are looked at.
    """

    partition: str
    attempts: int
    newest: Listed
    metric: Metric | None
    cost: CostSum


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPage:
    """What the page of a model shows.

    Attributes:
        model: Its name.
        sentence: How it has gone.
        sort: By which column its partitions are sorted.
        state: Of which its partitions are shown; empty for all.
        partitions: By their names, the newest first, unless they are sorted.
        chart: How long the newest of them ran; None if none has run.
        is_cut: Whether there are older attempts that this does not count.
        goes_on: Whether anything does.
        dagster_asset: The asset that is trained, in Dagster.
        mlflow_model: Its versions, in MLflow.
    """

    model: str
    sentence: str
    sort: str
    state: str
    partitions: tuple[PartitionRow, ...]
    chart: Chart | None
    is_cut: bool
    goes_on: bool
    dagster_asset: str
    mlflow_model: str


COLUMNS: Final[tuple[Column[PartitionRow], ...]] = (
    Column(name="partition", title="Partition", value=lambda one: one.partition),
    Column(name="attempts", title="Attempts", value=lambda one: one.attempts, is_number=True),
    Column(name="outcome", title="Outcome", value=lambda one: one.newest.attempt.status),
    Column(name="cause", title="Cause", value=lambda one: one.newest.attempt.cause),
    Column(name="ran_s", title="Ran", value=lambda one: one.newest.times.ran_s, is_number=True),
    Column(
        name="waited_s",
        title="Waited",
        value=lambda one: (one.newest.times.queued_s or 0.0) + one.newest.times.starting_s,
        is_number=True,
    ),
    *metric_columns(lambda one: one.metric),
    Column(name="cost", title="Cost", value=lambda one: one.cost.total, is_number=True),
    Column(name="wasted", value=lambda one: one.cost.wasted, is_number=True),
    Column(
        name="rung", title="Memory rung", value=lambda one: one.newest.attempt.rung, is_number=True
    ),
    Column(name="attempt", title="Newest", value=lambda one: one.newest.attempt.id),
)


def model_page(
    store: Store,
    model: str,
    sort: str,
    state: str = "",
    *,
    others: Others,
    prices: Prices,
    now_s: float,
) -> ModelPage:
    """The page of a model.

    Raises:
        InputError: no attempt of it is known, or there is no such column or state.
    """
    found = store.attempts(model=model, limit=LOOKED_AT)
    if not found:
        find_attempt(store, model, partition="any")  # raises, with what is near
    rows: dict[str, list[AttemptRecord]] = {}
    for one in found:
        rows.setdefault(one.partition, []).append(one)
    newest = [max(several, key=lambda one: one.claimed_at_s) for several in rows.values()]
    of_each = costs(found, prices, now_s=now_s)
    metrics = newest_metrics(store, found)
    partitions = [
        PartitionRow(
            partition=one.attempt.partition,
            attempts=len(rows[one.attempt.partition]),
            newest=one,
            metric=metrics.get((model, one.attempt.partition)),
            cost=summed(rows[one.attempt.partition], of_each),
        )
        for one in listed(store, newest, now_s=now_s)
    ]
    partitions.sort(key=lambda one: one.partition, reverse=True)
    in_chart = reversed(partitions[:IN_CHART])
    return ModelPage(
        model=model,
        sentence=_sentence(model, partitions),
        sort=sort,
        state=state,
        partitions=tuple(ordered(of_state(partitions, state, _status), COLUMNS, sort)),
        chart=chart_of([(one.partition, one.newest) for one in in_chart]),
        is_cut=len(found) == LOOKED_AT,
        goes_on=any(one.is_open for one in found),
        dagster_asset=others.asset(model),
        mlflow_model=others.versions(model),
    )


def _status(row: PartitionRow) -> str:
    return row.newest.attempt.status


def _sentence(model: str, rows: list[PartitionRow]) -> str:
    counts = [
        f"{count} {word}"
        for status, word in (
            ("succeeded", "succeeded"),
            ("failed", "failed"),
            ("superseded", "superseded"),
            ("open", "going on"),
        )
        if (count := sum(one.newest.attempt.status == status for one in rows))
    ]
    ran = sorted(
        one.newest.times.ran_s
        for one in rows
        if one.newest.times.ran_s is not None and one.newest.attempt.status == "succeeded"
    )
    half = (
        f" Half of those that succeeded ran no longer than {span(ran[len(ran) // 2])}."
        if ran
        else ""
    )
    noun = "partition" if len(rows) == 1 else "partitions"
    return f"{model} was trained for {len(rows)} {noun}: {', '.join(counts)}.{half}"
