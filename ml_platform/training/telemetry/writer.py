"""Writes what a process observes into its attempt's folder, without ever being in its way.

A thread writes; who observes only puts into a queue with an end, and what does not fit is dropped.
Storage that is away, slow, full or forbidden costs samples and nothing else.
"""

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from ml_platform.storage import Folder
from ml_platform.xray.samples import Sample, to_line

SAMPLES_FOLDER: Final = "samples"
EVERY_S: Final = 10.0
MOST_WAITING: Final = 10_000
FAILURES_IN_A_ROW: Final = 30
CLOSED_WITHIN_S: Final = 3.0


class SampleWriter:
    """Writes samples as files of lines: `samples/<source>/<ms since 1970>.jsonl`.

    Args:
        attempt: The attempt's folder.
        source: Who observes, such as `worker-3`.
        every_s: How often what has come is written.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        attempt: Folder,
        source: str,
        *,
        every_s: float = EVERY_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._attempt = attempt
        self._source = source
        self._every_s = every_s
        self._now = now
        self._waiting: queue.Queue[Sample] = queue.Queue(MOST_WAITING)
        self._closing = threading.Event()
        # A daemon: a process that ends does not wait for storage that does not answer.
        self._thread = threading.Thread(target=self._run, name="sample-writer", daemon=True)
        self.dropped = 0

    def __enter__(self) -> "SampleWriter":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._thread.join(CLOSED_WITHIN_S)

    def put(self, sample: Sample) -> None:
        """Hand over a sample; never waits, never raises."""
        try:
            self._waiting.put_nowait(sample)
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        failures = 0
        while failures < FAILURES_IN_A_ROW:
            closing = self._closing.wait(self._every_s)
            lines = [to_line(one) for one in self._taken()]
            if lines:
                failures = 0 if self._write(lines) else failures + 1
            if closing:
                return

    def _taken(self) -> list[Sample]:
        taken: list[Sample] = []
        with contextlib.suppress(queue.Empty):
            while True:
                taken.append(self._waiting.get_nowait())
        return taken

    def _write(self, lines: list[str]) -> bool:
        name = f"{SAMPLES_FOLDER}/{self._source}/{self._now() * 1000:.0f}.jsonl"
        try:
            self._attempt.create(name, "".join(lines).encode())
        except Exception as error:  # boundary: observing never fails the work
            self.dropped += len(lines)
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{len(lines)} samples of {self._source} are lost: {error!r}\n")
            return False
        return True
