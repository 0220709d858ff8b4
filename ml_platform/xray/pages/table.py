"""Columns of a table, by which it is sorted and written as CSV; pure."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from ml_platform.errors import InputError
from ml_platform.xray.curves import Metric

Row = TypeVar("Row")
Value = str | float | int | None

STATUSES: Final = ("open", "succeeded", "failed", "superseded")
"""Of an attempt, and so of the partition whose newest it is."""
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column(Generic[Row]):
    """A column.

    Attributes:
        name: In an address and in CSV, with its unit.
        title: Above it on a page; empty if it is in CSV alone.
        value: What a row has there; None if it has nothing.
        is_number: Whether it is read from the right.
    """

    name: str
    title: str = ""
    value: Callable[[Row], Value]
    is_number: bool = False


def metric_columns(metric: Callable[[Row], Metric | None]) -> tuple[Column[Row], Column[Row]]:
    """A metric, and in CSV what it is called."""

    def value(row: Row) -> Value:
        found = metric(row)
        return found.value if found else None

    def name(row: Row) -> Value:
        found = metric(row)
        return found.name if found else ""

    return (
        Column(name="metric", title="Metric", value=value, is_number=True),
        Column(name="metric_name", value=name),
    )


def ordered(rows: Sequence[Row], columns: Sequence[Column[Row]], sort: str) -> list[Row]:
    """The rows by a column, from its end if that has a `-` before it; as they are by none.

    Rows that have nothing there come last.

    Raises:
        InputError: there is no such column.
    """
    if not sort:
        return list(rows)
    by_name = {column.name: column for column in columns}
    column = by_name.get(sort.removeprefix("-"))
    if column is None:
        raise InputError(
            f"there is no column {sort.removeprefix('-')!r} to sort by",
            hint=f"it is one of {', '.join(by_name)}, with a - before it for the largest first.",
        )
    known = [row for row in rows if column.value(row) is not None]
    absent = [row for row in rows if column.value(row) is None]
    key: Callable[[Row], Any] = column.value
    return [*sorted(known, key=key, reverse=sort.startswith("-")), *absent]


def of_state(rows: Sequence[Row], state: str, status: Callable[[Row], str]) -> list[Row]:
    """The rows of a state, or all where none is asked for.

    Raises:
        InputError: there is no such state.
    """
    if state and state not in STATUSES:
        raise InputError(
            f"there is no state {state!r}", hint=f"it is one of {', '.join(STATUSES)}."
        )
    return [row for row in rows if not state or status(row) == state]


def having(rows: Sequence[Row], columns: Sequence[Column[Row]], text: str) -> list[Row]:
    """The rows in which some column of words has a text, in whatever case; all for none."""
    wanted = text.casefold()

    def has(row: Row) -> bool:
        values = (column.value(row) for column in columns)
        return any(isinstance(one, str) and wanted in one.casefold() for one in values)

    return [row for row in rows if not wanted or has(row)]


def turned(sort: str, name: str) -> str:
    """The sort that a click on a column asks for, after another sort."""
    return f"-{name}" if sort == name else name


def to_csv(rows: Sequence[Row], columns: Sequence[Column[Row]]) -> str:
    """The rows as CSV, its header first; no cell is a formula of a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(column.name for column in columns)
    writer.writerows([_cell(column.value(row)) for column in columns] for row in rows)
    return text.getvalue()


def utc(at_s: float | None) -> str | None:
    """A moment as CSV and JSON have it: `2026-11-28T14:00:00Z`."""
    return None if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cell(value: Value) -> Value:
    if isinstance(value, str) and value.startswith(_BEGINS_A_FORMULA):
        return f"'{value}"
    # No dust of floats, and yet whole: who adds a column has the sum that the page has.
    return float(f"{value:.12g}") if isinstance(value, float) else value
