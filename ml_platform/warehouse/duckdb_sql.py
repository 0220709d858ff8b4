"""The SQL that the DuckDB warehouse needs, and what it reads out of a plan. Pure functions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_platform.warehouse.interface import TableRef

# Bytes of a value in memory. Text has no fixed width; its mean is taken to be 16.
_WIDTHS: Final = {
    "BOOLEAN": 1,
    "TINYINT": 1,
    "UTINYINT": 1,
    "SMALLINT": 2,
    "USMALLINT": 2,
    "INTEGER": 4,
    "UINTEGER": 4,
    "FLOAT": 4,
    "DATE": 4,
    "HUGEINT": 16,
    "UHUGEINT": 16,
    "UUID": 16,
    "VARCHAR": 16,
    "BLOB": 16,
}
_OTHER_WIDTH: Final = 8


def quoted(name: str) -> str:
    """An identifier that may hold any character."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def table_name(table: TableRef) -> str:
    """The table as it is written in a statement."""
    return f"{quoted(table.schema)}.{quoted(table.name)}"


def text(value: str) -> str:
    """A string as a literal."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def width_bytes(column_type: str) -> int:
    """Bytes of one value of a DuckDB type, an approximation."""
    return _WIDTHS.get(re.sub(r"\(.*", "", column_type).upper(), _OTHER_WIDTH)


def select_days(
    table: TableRef,
    *,
    partition_column: str,
    partitions: Sequence[str],
    columns: Sequence[str],
    order_by: Sequence[str] = (),
) -> str:
    """The rows of some days of a table."""
    days = ", ".join(f"DATE {text(day)}" for day in partitions)
    names = ", ".join(quoted(name) for name in columns)
    order = f" ORDER BY {', '.join(quoted(name) for name in order_by)}" if order_by else ""
    return (
        f"SELECT {names} FROM {table_name(table)} "
        f"WHERE CAST({quoted(partition_column)} AS DATE) IN ({days}){order}"
    )


def comments(table: TableRef, descriptions: Mapping[str, str]) -> list[str]:
    """Statements that describe columns; the empty name describes the table."""
    name = table_name(table)
    return [
        f"COMMENT ON COLUMN {name}.{quoted(column)} IS {text(said)}"
        if column
        else f"COMMENT ON TABLE {name} IS {text(said)}"
        for column, said in descriptions.items()
    ]


def scanned_tables(plan: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """The tables that a plan (`EXPLAIN (FORMAT json)`) scans, each with the columns it reads."""
    found: list[tuple[str, list[str]]] = []
    for node in plan:
        extra = node.get("extra_info", {})
        if isinstance(extra, dict) and extra.get("Table"):
            columns = extra.get("Projections", [])
            found.append((extra["Table"], [columns] if isinstance(columns, str) else columns))
        found.extend(scanned_tables(node.get("children", [])))
    return found
