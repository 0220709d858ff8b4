"""The table that a new model is to read, and a day to begin with."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from ml_platform.errors import WarehouseError
from ml_platform.features.project import event_day, feature_table
from ml_platform.model_folder.scaffold import DAY_COLUMN
from ml_platform.partitions import PartitionBounds, last_complete_day, parse_day
from ml_platform.settings import Settings
from ml_platform.warehouse.interface import TableDescription
from ml_platform.warehouse.open import open_warehouse


def described_table(settings: Settings, name: str) -> TableDescription:
    """Columns and days of a feature table.

    Raises:
        WarehouseError: it is not there; says what builds it.
    """
    table = feature_table(settings, name)
    day = event_day(settings, name) or DAY_COLUMN
    try:
        with open_warehouse(settings) as warehouse:
            described = warehouse.describe(table)
            if all(column.name != day for column in described.columns):
                return described
            return warehouse.describe(table, partition_column=day)
    except WarehouseError as error:
        raise WarehouseError(
            f"{name} cannot be looked at: {error.message}",
            hint=f"build a few days of it: `make dev` opens the Dagster UI, where {name} and the "
            "assets before it are materialized; or leave out --from-table and write its columns "
            "into defs.yaml.",
        ) from error


def first_day(
    bounds: PartitionBounds,
    *,
    window_days: int,
    holdout_days: int,
    built: Sequence[str] = (),
    now: datetime,
) -> str | None:
    """The newest day that has its window and its held-out days; None if no day can have.

    Args:
        bounds: The first and the last day of all partitions.
        window_days: Days that the model trains on.
        holdout_days: Days that it is evaluated on.
        built: Days that its feature table has already, oldest first: they cost nothing.
        now: The present.
    """
    first: date = bounds.partitions_start + timedelta(days=window_days - 1)
    newest = last_complete_day(bounds, now=now) - timedelta(days=holdout_days)
    day = newest
    if built:
        # The first that can be, where what is built ends before it.
        day = min(newest, max(first, parse_day(built[-1]) - timedelta(days=holdout_days)))
    return day.isoformat() if day >= first else None
