"""Brings what the job says into the Dagster step: Pipes messages become events, the rest is log.

Pipes messages travel as lines of the job's log. Losing the stream loses progress, never a result.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import dagster as dg
from dagster_pipes import (
    PIPES_PROTOCOL_VERSION_FIELD,
    PipesDefaultMessageWriter,
    PipesParams,
)

from ml_platform.clusters.jobs.log import plain_line

WORKER_MARK: Final = "RayTrainWorker"
RAY_TRAIN_SAYS: Final = (
    "Setting up process group for",
    "Moving model to device",
    "Wrapping provided model in",
    "Reporting training result",
    "Checkpoint successfully created",
)
"""How lines of Ray Train's own begin: the step's output is enough for them."""
MOST_WORKER_LINES: Final = 500
"""Lines of `train.py`'s own that go to the event log; beyond it they are in the step's output."""


class JobLogReader(dg.PipesMessageReader):
    """Reads Pipes messages out of the lines that it is given.

    Args:
        on_worker_line: Called with what `train.py` itself prints.
        write: Where every other line goes; the step's output by default.
    """

    def __init__(
        self,
        on_worker_line: Callable[[str], None],
        *,
        write: Callable[[str], object] = sys.stdout.write,
    ) -> None:
        self._on_worker_line = on_worker_line
        self._write = write
        self._handler: Any = None
        self._worker_lines = 0

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[PipesParams]:
        """Part of the Pipes protocol: the worker writes to its standard output."""
        self._handler = handler
        yield {PipesDefaultMessageWriter.STDIO_KEY: PipesDefaultMessageWriter.STDOUT}

    def no_messages_debug_text(self) -> str:
        """Part of the Pipes protocol."""
        return "No progress arrived in the log of the Ray job."

    def on_line(self, line: str) -> None:
        """Take one line of the job's log."""
        text = plain_line(line)
        if PIPES_PROTOCOL_VERSION_FIELD in text:
            message = _parse(text)
            if message is not None and self._handler is not None:
                self._handler.handle_message(message)
                return
        self._write(line.rstrip("\n") + "\n")
        if WORKER_MARK not in line or text.startswith(RAY_TRAIN_SAYS):
            return
        if self._worker_lines < MOST_WORKER_LINES:
            self._worker_lines += 1
            self._on_worker_line(text)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None
