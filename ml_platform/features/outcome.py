"""Looks into the warehouse after dbt: the days that were asked for must be in the tables.

dbt's own word for success is that its statements ran. A model whose sources have no rows of the
day, or one that was overwritten by another process, is a success to dbt.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ml_platform.features.nodes import Node
from ml_platform.partitions import days_of
from ml_platform.warehouse.interface import TableRef, Warehouse

_SHOWN_DAYS: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a table has.

    Attributes:
        rows: All its rows.
        by_day: Rows of each day that has any; None if the table does not know days.
    """

    rows: int
    by_day: Mapping[str, int] | None


def look(warehouse: Warehouse, table: Node) -> Found:
    """Count the rows of a table, by day where it has the day's column.

    Raises:
        WarehouseError: there is no such table.
    """
    described = warehouse.describe(table.ref)
    names = {column.name.lower(): column.name for column in described.columns}
    day = names.get(table.event_day.lower())
    if day is None:  # a lookup table, built whole whatever the day
        return Found(rows=described.rows, by_day=None)
    if described.partition_column != day:
        described = warehouse.describe(table.ref, partition_column=day)
    return Found(rows=described.rows, by_day={one.key: one.rows for one in described.partitions})


def look_at_all(
    warehouse: Warehouse, tables: Collection[Node], days: Sequence[str]
) -> dict[str, Found | None]:
    """What tables have after `days` of them were built, by dbt's unique id; None for what is lost.

    Asked of the catalogue and of few statements for all tables: a project has thousands of models.
    A view that is there is left out: to count its rows would run it.
    """
    there = {
        schema: {name.lower() for name in warehouse.names(schema)}
        for schema in {table.ref.schema for table in tables if table.materialized == "view"}
    }
    found: dict[str, Found | None] = {}
    wanted: dict[TableRef, Node] = {}
    for table in tables:
        if table.materialized != "view":
            wanted[table.ref] = table
        elif table.ref.name.lower() not in there[table.ref.schema]:
            found[table.unique_id] = None
    columns = {ref: table.event_day if table.is_daily else "" for ref, table in wanted.items()}
    counted = warehouse.count_rows(columns, days) if columns else {}
    for ref, table in wanted.items():
        count = counted.get(ref)
        found[table.unique_id] = Found(rows=count.rows, by_day=count.by_day) if count else None
    return found


def shortcoming(table: Node, found: Found | None, days: Sequence[str]) -> str:
    """What is not as it should be after `days` were built, in words; empty if all is well."""
    if found is None:
        return f"wanted the {table.materialized} {table.ref}, found none"
    if table.empty_days:
        return ""
    if found.by_day is None:
        return "" if found.rows else f"wanted rows in {table.ref}, found none"
    empty = [day for day in days if not found.by_day.get(day)]
    if not empty:
        return ""
    shown = ", ".join(empty[:_SHOWN_DAYS]) + (", …" if len(empty) > _SHOWN_DAYS else "")
    wanted = "" if len(days) == 1 else f"each of {days_of(len(days))}, found none of "
    return f"wanted rows of {wanted}{shown} in {table.ref}" + ("" if wanted else ", found none")
