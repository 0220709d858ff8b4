"""How busy this machine was: whether a run that was off its pace had a fair chance."""

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

STAT: Final = Path("/proc/stat")
EVERY_S: Final = 1.0
IDLE_SHARE: Final = 0.05
"""With less of its processors left, whatever wants to run has to wait."""
STARVED_S: Final = 3.0
"""Longer than any step of the operator may take late."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Time since 1970 in seconds, and the processors' ticks since the machine was started."""

    at: float
    ticks: int
    idle: int

    @classmethod
    def from_stat(cls, at: float, text: str) -> Self:
        """From the first line of `/proc/stat`: what a hypervisor took away counts as not idle."""
        user, nice, system, idle, iowait, *rest = map(int, text.splitlines()[0].split()[1:9])
        return cls(at=at, ticks=user + nice + system + idle + iowait + sum(rest), idle=idle)


class Watch:
    """Looks once a second; on a machine without `/proc/stat` it sees nothing."""

    def __init__(self, stat: Path = STAT) -> None:
        self._stat = stat
        self._samples: list[Sample] = []
        self._stopped = threading.Event()

    def start(self) -> None:
        """Look until told to stop."""
        if self._stat.exists():
            threading.Thread(target=self._look, name="machine", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def starved_s(self, start: float, end: float) -> float:
        """The longest stretch between two times in which the processors had no time left."""
        return longest_stretch_s([s for s in list(self._samples) if start <= s.at <= end])

    def _look(self) -> None:
        while not self._stopped.wait(EVERY_S):
            self._samples.append(Sample.from_stat(time.time(), self._stat.read_text()))


def longest_stretch_s(samples: Sequence[Sample]) -> float:
    """The longest time over which every pair of neighbours had next to no idle ticks."""
    longest_s = stretch_s = 0.0
    for before, after in itertools.pairwise(samples):
        idle_share = (after.idle - before.idle) / max(1, after.ticks - before.ticks)
        stretch_s = stretch_s + after.at - before.at if idle_share < IDLE_SHARE else 0.0
        longest_s = max(longest_s, stretch_s)
    return longest_s
