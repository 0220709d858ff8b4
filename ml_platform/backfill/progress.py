"""How work says what it does, whoever shows it; what it prints itself goes to a log meanwhile."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO


@dataclass(kw_only=True, slots=True)
class StepOutcome:
    """How a step ended; the block of `Progress.step` fills it in."""

    status: str = "done"
    detail: str = ""


class Progress(Protocol):
    """Shows steps as they begin and end."""

    def step(self, label: str) -> AbstractContextManager[StepOutcome]:
        """Show that `label` runs, and how it ended."""

    def line(self, status: str, label: str, detail: str = "", *, seconds: float = 0.0) -> None:
        """Show that something has ended."""

    def message(self, text: str) -> None:
        """Show what the running step says."""


ShowProgress = Callable[[Path], AbstractContextManager[Progress]]
"""Shows progress while its block runs, in which what is printed goes to the given log."""


class SilentProgress:
    """Shows nothing."""

    @contextmanager
    def step(self, label: str) -> Iterator[StepOutcome]:
        """Nothing is shown."""
        yield StepOutcome()

    def line(self, status: str, label: str, detail: str = "", *, seconds: float = 0.0) -> None:
        """Nothing is shown."""

    def message(self, text: str) -> None:
        """Nothing is shown."""


@contextmanager
def in_silence(log: Path) -> Iterator[Progress]:
    """Show nothing; what is printed goes to `log`."""
    with printed_to(log):
        yield SilentProgress()


@contextmanager
def printed_to(log: Path) -> Iterator[TextIO]:
    """Send what this process and its children print to `log`; gives the former standard error.

    It works on file descriptors: dbt and Ray are other processes, and Dagster redirects as well.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    former = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")
    with log.open("ab") as file, former:
        for number in kept:
            os.dup2(file.fileno(), number)
        try:
            yield former
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)
