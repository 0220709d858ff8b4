"""Where the time of a worker goes: waiting for data, computing, waiting for the others.

Measured around the batches that a model's `train.py` asks for, which knows nothing of it. Waiting
for others is what the thread spends in a step without a CPU: a rank that is slow computes while the
others wait for it in their collectives.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ml_platform.training.api import Batch
from ml_platform.xray.samples import StepTimes

EVERY_S: Final = 10.0


class StepClock:
    """Measures the steps of one worker and hands over what a stretch of them took.

    Args:
        rank: The worker.
        put: Takes the times of a stretch.
        node: Address of its node within the cluster.
        every_s: How long a stretch is, at least.
        clock: Seconds that only grow.
        cpu_clock: Seconds for which this thread had a CPU.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        rank: int,
        put: Callable[[StepTimes], None],
        *,
        node: str = "",
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.thread_time,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._rank = rank
        self._put = put
        self._node = node
        self._every_s = every_s
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._now = now
        self._began = clock()
        self._epoch = 0
        self._clear()

    def along(self, batches: Iterator[Batch], epoch: int) -> Iterator[Batch]:
        """The batches, and the times around each."""
        self._epoch = epoch
        asked = self._clock()
        for batch in batches:
            got, cpu = self._clock(), self._cpu_clock()
            self._data_s += got - asked
            yield batch
            asked = self._clock()
            self._step_s += asked - got
            self._cpu_s += self._cpu_clock() - cpu
            self._batches += 1
            self._rows += len(batch)
            if asked - self._began >= self._every_s:
                self.flush()
        self._data_s += self._clock() - asked

    @contextmanager
    def checkpoint(self) -> Iterator[None]:
        """A checkpoint is written in this block."""
        began = self._clock()
        try:
            yield
        finally:
            self._checkpoint_s += self._clock() - began

    def flush(self) -> None:
        """Hand over what there is."""
        if self._batches or self._checkpoint_s:
            self._put(
                StepTimes(
                    at_s=self._now(),
                    rank=self._rank,
                    node=self._node,
                    epoch=self._epoch,
                    batches=self._batches,
                    rows=self._rows,
                    data_s=self._data_s,
                    step_s=self._step_s,
                    cpu_s=self._cpu_s,
                    checkpoint_s=self._checkpoint_s,
                )
            )
        self._clear()
        self._began = self._clock()

    def _clear(self) -> None:
        self._batches = self._rows = 0
        self._data_s = self._step_s = self._cpu_s = self._checkpoint_s = 0.0
