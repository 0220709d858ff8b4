"""A model whose columns are no longer those of its table: what is other, and the ways on.

dbt stops such a build. The columns can be appended, empty in the days that are there, and the days
that need them built again; or the table is built anew, which costs all its days.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import dagster as dg
from pydantic import Field

from ml_platform.errors import PartitionError, WarehouseError
from ml_platform.features.nodes import Node
from ml_platform.features.outcome import Found, look
from ml_platform.partitions import days_of
from ml_platform.warehouse.interface import Warehouse

VARIABLE: Final = "MLP_DBT_ON_SCHEMA_CHANGE"
"""Read by the project's macro `schema_changes.sql`."""

# dbt's own sentence, the same on both engines.
_OUT_OF_SYNC: Final = "source and target schemas on this incremental model are out of sync"
_ADDED: Final = re.compile(r"Source columns not in target: \[(.*)\]")
_REMOVED: Final = re.compile(r"Target columns not in source: \[(.*)\]")
_TYPES: Final = re.compile(r"New column types: \[(.*)\]")
# `DuckDBColumn(column='seats', dtype='INTEGER', …)`; dbt's own: `<Column seats (INTEGER)>`.
_COLUMN: Final = re.compile(r"column='([^']*)', dtype='([^']*)'|<\w+ (.+?) \((.*?)\)>")


class OnSchemaChange(Enum):
    """What a build does when a model has other columns than its table; the names are the values."""

    fail = "fail"
    append = "append"


class FeatureBuildConfig(dg.Config):
    """How a run builds feature tables; the defaults are right unless their columns have changed."""

    on_schema_change: OnSchemaChange = Field(
        default=OnSchemaChange.fail,
        description="When a model has columns that its table lacks: `fail`, or `append` them, "
        "empty in all days but those of this run.",
    )
    full_refresh: bool = Field(
        default=False,
        description="Build the tables anew, of this run's days alone: they must be all days that "
        "the tables have.",
    )

    def flags(self) -> list[str]:
        """Dbt's."""
        return ["--full-refresh"] if self.full_refresh else []

    def variables(self) -> dict[str, str]:
        """Environment variables of dbt."""
        return {VARIABLE: self.on_schema_change.value}


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """Columns by name and type in which a model and its table differ."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    types_differ: bool

    @property
    def can_append(self) -> bool:
        """Whether new columns are all that the table needs."""
        return not self.types_differ

    def __str__(self) -> str:
        """In words."""
        said = []
        if self.added:
            said.append(f"the model has columns that its table lacks: {', '.join(self.added)}")
        if self.removed:
            said.append(f"the table has columns that its model lacks: {', '.join(self.removed)}")
        if self.types_differ:
            said.append("columns have another type in the model than in its table")
        return "; ".join(said)


def drift_in(message: str) -> Drift | None:
    """What dbt says of a model's columns and its table's; None if it says something else."""
    if _OUT_OF_SYNC not in message:
        return None
    return Drift(
        added=_columns(_ADDED, message),
        removed=_columns(_REMOVED, message),
        types_differ=bool(_first(_TYPES, message)),
    )


def drifted(results: Mapping[str, Any]) -> dict[str, Drift]:
    """By dbt's unique id, the models of a build whose columns are no longer their table's."""
    found = {
        result["unique_id"]: drift_in(result["message"] or "")
        for result in results.get("results", [])
        if result["status"] == "error"
    }
    return {model: drift for model, drift in found.items() if drift is not None}


def ways_on(name: str, drift: Drift, found: Found | None) -> str:
    """What can be done about one table, each with its command and its price."""
    price = "all its days"
    if found is not None and found.by_day is not None:
        price = f"all its {days_of(len(found.by_day))} ({found.rows:,} rows)"
    whole = f"build {price} anew: `mlp features refresh {name} --full`"
    if not drift.can_append:
        return whole
    return (
        "append the columns, empty in the days that are there, and build again the days that need "
        f"them: `mlp features refresh {name} --from DAY --to DAY`; or {whole}"
    )


def require_whole(warehouse: Warehouse, tables: Iterable[Node], days: Sequence[str]) -> None:
    """Check that a full refresh of `days` loses no other day.

    Raises:
        PartitionError: a table has days that are not among them.
    """
    for table in tables:
        try:
            found = look(warehouse, table)
        except WarehouseError:  # it is not there yet: there is nothing to lose
            continue
        lost = sorted(set(found.by_day or ()) - set(days))
        if lost:
            there = sorted({*lost, *days})
            raise PartitionError(
                f"a full refresh of {table.ref} with {days_of(len(days))} would lose "
                f"{days_of(len(lost))} that it has: {lost[0]} … {lost[-1]}",
                hint=f"take all of its days, {there[0]} … {there[-1]}, or no full refresh.",
            )


def _columns(pattern: re.Pattern[str], message: str) -> tuple[str, ...]:
    listed = _first(pattern, message)
    found = (match.groups() for match in _COLUMN.finditer(listed))
    return tuple(f"{a or b} ({c or d})" for a, c, b, d in found)


def _first(pattern: re.Pattern[str], message: str) -> str:
    found = pattern.search(message)
    return found.group(1).strip() if found else ""
