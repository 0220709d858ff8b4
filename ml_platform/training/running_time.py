"""How long a driver has run, by two clocks of which one may be wrong: its pod's, and its step's."""

import math
from collections.abc import Callable
from typing import Final

from ml_platform.training.checkpoints import CheckpointRef
from ml_platform.training.record import Attempt, Ready, Started
from ml_platform.xray.records import Event

SKEW_S: Final = 60.0
"""By so much clocks may differ that are right."""


class RunningTime:
    """Watches for how long the driver of an attempt runs.

    Args:
        attempt: The attempt.
        now: Seconds since 1970.
        clock: Seconds that only grow.
    """

    def __init__(
        self, attempt: Attempt, *, now: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._attempt = attempt
        self._now = now
        self._clock = clock
        self._seen_since: float | None = None

    def hear(self, event: Event) -> None:
        """An event of the attempt."""
        if (event.name, event.state) == ("running", "began"):
            self._seen_since = self._clock()

    def until_now(self) -> float:
        """Seconds for which a driver that runs has run; none if it has not begun."""
        started = self._attempt.started()
        if started is None:
            return 0.0
        seen_s = 0.0 if self._seen_since is None else self._clock() - self._seen_since
        return ran_s(started, self._attempt.ready(), now_s=self._now(), seen_s=seen_s)

    def until_its_end(self, newest: CheckpointRef | None) -> float:
        """Seconds for which one that has ended ran: until now, or its last sign if nobody saw it.

        Args:
            newest: The newest checkpoint of this attempt.
        """
        if self._seen_since is not None:
            return self.until_now()
        # It ended while nobody looked, maybe hours ago.
        started = self._attempt.started()
        return max(0.0, newest.written_at_s - started.at_s) if started and newest else 0.0


def ran_s(started: Started, ready: Ready | None, *, now_s: float, seen_s: float) -> float:
    """Seconds for which a driver has run.

    It noted by its pod's clock when it began. What cannot be is not believed: it has run for as
    long as it was seen to, and not since before its cluster was ready, which a step has noted.

    Args:
        started: When its driver began.
        ready: When its cluster was ready, if that was noted.
        now_s: Now, by the step's clock.
        seen_s: For how long this step has seen it run.
    """
    at_most_s = now_s - ready.at_s if ready is not None else math.inf
    told_s = now_s - started.at_s
    if seen_s - SKEW_S <= told_s <= at_most_s + SKEW_S:
        return max(told_s, seen_s)
    return max(seen_s, at_most_s if math.isfinite(at_most_s) else 0.0)
