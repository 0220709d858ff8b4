"""What a person sees while work runs: one line that moves on a terminal, one line a step elsewhere.

The work's own output (dbt, Ray, Dagster) goes to a log file meanwhile, so that nothing is lost and
nothing scrolls past.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from ml_platform.backfill.progress import Progress, StepOutcome, printed_to
from ml_platform.cli.output import BANG, CROSS, TICK, dim, duration, harmless

MARKS = {"done": TICK, "reused": TICK, "refused": BANG, "failed": CROSS, "skipped": dim("–")}


class TerminalProgress:
    """Shows steps as they begin and end.

    Args:
        console: Where to; not redirected by `printed_to`.
        every_message: Keep each message on a line of its own.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        console: Console,
        *,
        every_message: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._every_message = every_message
        self._clock = clock
        self._status: Status | None = None
        self._label = ""

    @contextmanager
    def step(self, label: str) -> Iterator[StepOutcome]:
        """Show that `label` runs, and how it ended."""
        outcome = StepOutcome()
        began = self._clock()
        self._label = label
        if self._console.is_terminal:
            self._status = self._console.status(Text(harmless(label)))
            self._status.start()
        elif self._every_message:
            self._line(f"  {label} …")
        try:
            yield outcome
        except BaseException:
            outcome.status = "failed"
            raise
        finally:
            if self._status is not None:
                self._status.stop()
                self._status = None
            self.line(outcome.status, label, outcome.detail, seconds=self._clock() - began)

    def line(self, status: str, label: str, detail: str = "", *, seconds: float = 0.0) -> None:
        """Show that something has ended."""
        took = Text(f"  {duration(seconds)}" if seconds else "", style="cyan")
        self._line(MARKS[status], f" {label}", took, dim(f"  {detail}" if detail else ""))

    def message(self, text: str) -> None:
        """Show what the running step says."""
        first = text.strip().splitlines()[0] if text.strip() else ""
        if self._status is not None:
            short = first if len(first) <= 90 else f"{first[:89]}…"
            self._status.update(Text.assemble(harmless(self._label), dim(f"  {short}")))
        if self._every_message:
            for line in text.rstrip().splitlines():
                self._line(dim(f"    {line}"))

    def _line(self, *parts: str | Text) -> None:
        plain = (harmless(part) if isinstance(part, str) else part for part in parts)
        self._console.print(Text.assemble(*plain), highlight=False, soft_wrap=True)


@contextmanager
def on_terminal(log: Path, *, every_message: bool = False) -> Iterator[Progress]:
    """Show progress on standard error; what is printed meanwhile goes to `log`."""
    with printed_to(log) as former:
        console = Console(file=former, soft_wrap=not former.isatty())
        yield TerminalProgress(console, every_message=every_message)
