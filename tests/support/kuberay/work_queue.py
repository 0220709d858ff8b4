"""The queue of a controller: each key once, delays, and a back-off that grows with failures."""

import heapq
import threading
import time
from collections.abc import Callable
from typing import Final

FIRST_DELAY_S: Final = 0.005
LONGEST_DELAY_S: Final = 1000.0
# More would come to the same, and to numbers that no delay can be.
MOST_DOUBLINGS: Final = 20

Key = tuple[str, str]
"""Namespace and name."""


class WorkQueue:
    """Keys to look at, for one worker: what is added while it works is looked at afterwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._failures: dict[Key, int] = {}
        self._changed = threading.Condition()

    def add(self, key: Key, after_s: float = 0.0) -> None:
        """Look at `key` in a while; an earlier appointment stands, a later one is moved up."""
        due = self._clock() + after_s
        with self._changed:
            if key in self._due and self._due[key] <= due:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            self._changed.notify()

    def get(self) -> Key:
        """The next key, waited for."""
        with self._changed:
            while (key := self._pop_due()) is None:
                self._changed.wait(self._until_next())
            return key

    def failed(self, key: Key) -> None:
        """Look again after 5 ms, 10 ms, 20 ms … 1000 s."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        delay_s = FIRST_DELAY_S * 2 ** min(count, MOST_DOUBLINGS)
        self.add(key, min(delay_s, LONGEST_DELAY_S))

    def succeeded(self, key: Key) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)

    def _pop_due(self) -> Key | None:
        while self._heap and self._heap[0][0] <= self._clock():
            due, key = heapq.heappop(self._heap)
            # An entry whose appointment was moved up has been overtaken by another one.
            if self._due.get(key) == due:
                del self._due[key]
                return key
        return None

    def _until_next(self) -> float | None:
        return max(0.0, self._heap[0][0] - self._clock()) if self._heap else None
