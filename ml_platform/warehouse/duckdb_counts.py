"""Rows of many DuckDB tables by few statements."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ml_platform.warehouse import duckdb_sql
from ml_platform.warehouse.duckdb_connection import explaining
from ml_platform.warehouse.interface import RowCount, TableRef
from ml_platform.warehouse.table_batches import batches

if TYPE_CHECKING:
    import duckdb

_COLUMNS: Final = """
SELECT lower(table_schema), lower(table_name), column_name FROM information_schema.columns
WHERE table_catalog = current_database()
  AND lower(table_schema) IN (SELECT lower(unnest($schemas)))
"""


def count_rows(
    connection: "duckdb.DuckDBPyConnection", tables: Mapping[TableRef, str], days: Sequence[str]
) -> dict[TableRef, RowCount]:
    """See `Warehouse.count_rows`; days are counted between the first and the last."""
    columns = _columns(connection, {table.schema for table in tables})
    there = [table for table in tables if _place(table) in columns]
    day_of = {table: columns[_place(table)].get(tables[table].lower(), "") for table in there}
    found: dict[TableRef, RowCount] = {}
    for some in batches(there):
        parts = [_count(place, table, day_of[table], days) for place, table in enumerate(some)]
        with explaining(f"count the rows of {len(some)} tables"):
            rows = connection.execute(" UNION ALL ".join(parts)).fetchall()
        totals, by_day = [0] * len(some), [dict[str, int]() for _ in some]
        for place, day, count in rows:
            if day is None:
                totals[place] = count
            else:
                by_day[place][day] = count
        for table, total, counted in zip(some, totals, by_day, strict=True):
            found[table] = RowCount(rows=total, by_day=counted if day_of[table] else None)
    return found


def _place(table: TableRef) -> tuple[str, str]:
    return table.schema.lower(), table.name.lower()


def _columns(
    connection: "duckdb.DuckDBPyConnection", schemas: set[str]
) -> dict[tuple[str, str], dict[str, str]]:
    """By table, its columns by their names in lower case."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    with explaining("list columns"):
        rows = connection.execute(_COLUMNS, {"schemas": sorted(schemas)}).fetchall()
    for schema, table, column in rows:
        found.setdefault((schema, table), {})[column.lower()] = column
    return found


def _count(place: int, table: TableRef, column: str, days: Sequence[str]) -> str:
    name = duckdb_sql.table_name(table)
    whole = f"SELECT {place} AS place, NULL::VARCHAR AS day, count(*) AS n FROM {name}"
    if not column or not days:
        return whole
    day = f"CAST({duckdb_sql.quoted(column)} AS DATE)"
    return (
        f"{whole} UNION ALL SELECT {place}, CAST({day} AS VARCHAR), count(*) FROM {name} "
        f"WHERE {day} BETWEEN DATE '{min(days)}' AND DATE '{max(days)}' GROUP BY {day}"
    )
