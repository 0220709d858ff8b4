"""How `mlp` speaks: results on standard output, everything else on standard error."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

T = TypeVar("T")

NARROWEST_TABLE = 100
"""Columns that a table gets where there is no terminal, so that a log shows whole words."""


def stdout() -> Console:
    """A console for results; made when used, so that it writes to the stream of the moment."""
    return _console(sys.stdout.isatty(), stderr=False)


def stderr() -> Console:
    """A console for progress and errors."""
    return _console(sys.stderr.isatty(), stderr=True)


def say(text: str) -> None:
    """Write a line of the result; rich's markup is understood."""
    stdout().print(text, highlight=False)


def note(text: str) -> None:
    """Write a line beside the result, for a person who watches."""
    stderr().print(text, highlight=False)


def print_result(value: T, show: Callable[[T], None], *, as_json: bool) -> None:
    """Write the result of a command: as JSON for a program, else as `show` does for a person."""
    if as_json:
        print_json(value)
    else:
        show(value)


def print_json(value: Any) -> None:
    """Write a value as JSON: dataclasses as objects, dates and paths as text."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """Write a table; the columns named in `right` are aligned there."""
    table = Table(title=escape(title) or None, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    stdout().print(table)


def plain(value: Any) -> Any:
    """`value` as JSON knows it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show a spinner while the block runs, if somebody watches."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def duration(seconds: float) -> str:
    """`4.2 s`, `3:05 min`, `2:10:00 h`."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"


def counted(count: int, noun: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _console(is_terminal: bool, *, stderr: bool) -> Console:
    width = None if is_terminal else NARROWEST_TABLE
    return Console(stderr=stderr, width=width, soft_wrap=not is_terminal)
