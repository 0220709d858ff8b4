"""How `mlp` speaks: results on standard output, everything else on standard error.

Text is never markup: much of it comes from users, storage and Kubernetes. What is to have a colour
is a mark of those here, or is given one by `dim` and `bold`.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

T = TypeVar("T")
TICK: Final = Text("✓", style="green")
CROSS: Final = Text("✗", style="red")
BANG: Final = Text("!", style="yellow")
ERROR: Final = Text("error", style="red")
CHAMPION: Final = Text("champion", style="green")

NARROWEST_TABLE = 100
"""Columns that a table gets where there is no terminal, so that a log shows whole words."""


# What colours text and names windows goes without a trace; of what else moves a cursor the place is
# seen. Tabs and line ends stay.
_SEQUENCES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def stdout() -> Console:
    """A console for results; made when used, so that it writes to the stream of the moment."""
    return _console(sys.stdout.isatty(), stderr=False)


def stderr() -> Console:
    """A console for progress and errors."""
    return _console(sys.stderr.isatty(), stderr=True)


def say(*parts: str | Text) -> None:
    """Write a line of the result: its parts, with a space between them."""
    _write(stdout(), parts)


def note(*parts: str | Text) -> None:
    """Write a line beside the result, for a person who watches."""
    _write(stderr(), parts)


def dim(text: str) -> Text:
    """Text that stands back."""
    return Text(harmless(text), style="dim")


def bold(text: str) -> Text:
    """Text that stands out."""
    return Text(harmless(text), style="bold")


def harmless(text: str) -> str:
    """`text` without what would steer the terminal that it is written to."""
    return _CONTROLS.sub("\ufffd", _SEQUENCES.sub("", text))


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
    table = Table(title=_cell(title) if title else None, title_justify="left", title_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(_cell(column), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
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
    with console.status(_cell(text)):
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


def _write(console: Console, parts: Sequence[str | Text]) -> None:
    console.print(*map(_cell, parts), highlight=False)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text("" if value is None else harmless(str(value)))


def _console(is_terminal: bool, *, stderr: bool) -> Console:
    width = None if is_terminal else NARROWEST_TABLE
    return Console(stderr=stderr, width=width, soft_wrap=not is_terminal)
