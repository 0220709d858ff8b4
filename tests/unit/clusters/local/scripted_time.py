"""A clock that only sleeping moves, and what happens while somebody sleeps."""

import time
from collections.abc import Callable

from tests.unit.clusters.fake_time import FakeTime

START_S = 1000.0
TOO_LONG_S = 10_000.0


class ScriptedTime(FakeTime):
    """Runs what is planned once its time has come; real processes get a moment at each sleep."""

    def __init__(self) -> None:
        super().__init__()
        self._planned: list[tuple[float, Callable[[], object]]] = []

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Do this so many seconds after the start."""
        self._planned.append((START_S + seconds, action))
        self._planned.sort(key=lambda one: one[0])

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return self.now - START_S

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.002)
        while self._planned and self._planned[0][0] <= self.now:
            self._planned.pop(0)[1]()
        assert self.passed < TOO_LONG_S, "it never ends"
