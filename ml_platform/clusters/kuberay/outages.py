"""An API server that does not answer is told in the event log while it is waited for."""

import time
from collections.abc import Callable
from typing import Final

from ml_platform.errors import ApiAwayError
from ml_platform.xray.records import Recorder

ANOTHER_AFTER_S: Final = 60.0
"""Tries of one outage are seconds apart."""


class Outages:
    """Those that one step meets; safe for several threads.

    Args:
        recorder: Is told of each once.
        clock: Seconds that only grow.
    """

    def __init__(self, recorder: Recorder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._recorder = recorder
        self._clock = clock
        self._last_s: float | None = None

    def met(self, error: ApiAwayError) -> None:
        """A request is to be made again for this."""
        last_s, self._last_s = self._last_s, self._clock()
        if last_s is None or self._last_s - last_s >= ANOTHER_AFTER_S:
            self._recorder.happened("cluster", detail=f"starting: {error.message}")
