"""Writes what a process observes into its attempt's folder, without ever being in its way.

A thread writes; who observes only puts into a queue with an end, and what does not fit is dropped.
Storage that is away, slow, full or forbidden costs samples and nothing else.
"""

import contextlib
import queue
import sys
import time
from collections.abc import Callable
from typing import Final

from ml_platform.storage import Folder
from ml_platform.training.telemetry.background import Background
from ml_platform.xray.samples import Sample, to_line

SAMPLES_FOLDER: Final = "samples"
EVERY_S: Final = 10.0
LONGEST_EVERY_S: Final = 60.0
SHARE_OF_AGE: Final = 1 / 60
"""Of a writer's age: the older it is, the less a minute more is of what would be lost. A worker
writes some 1,500 objects in its first day so, and 8,600 without."""
MOST_WAITING: Final = 10_000
FAILURES_IN_A_ROW: Final = 30
CLOSED_WITHIN_S: Final = 3.0


class SampleWriter(Background):
    """Writes samples as files of lines: `samples/<source>/<ms since 1970>.jsonl`.

    Args:
        attempt: The attempt's folder.
        source: Who observes, such as `worker-3`.
        every_s: How often what has come is written at first; later less often, see `interval_s`.
        now: Seconds since 1970.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        attempt: Folder,
        source: str,
        *,
        every_s: float = EVERY_S,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("sample-writer", closed_within_s=CLOSED_WITHIN_S)
        self._attempt = attempt
        self._source = source
        self._every_s = every_s
        self._now = now
        self._clock = clock
        self._waiting: queue.Queue[Sample] = queue.Queue(MOST_WAITING)
        self.dropped = 0

    def put(self, sample: Sample) -> None:
        """Hand over a sample; never waits, never raises."""
        try:
            self._waiting.put_nowait(sample)
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        failures = 0
        began = self._clock()
        while failures < FAILURES_IN_A_ROW:
            every_s = interval_s(self._clock() - began, shortest_s=self._every_s)
            closing = self.closing.wait(every_s)
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


def interval_s(age_s: float, *, shortest_s: float = EVERY_S) -> float:
    """How long a writer of this age collects before it writes."""
    return max(shortest_s, min(age_s * SHARE_OF_AGE, LONGEST_EVERY_S))
