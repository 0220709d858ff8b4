"""An API server that does not answer is told in the event log while it is waited for."""

import time
from collections.abc import Callable
from typing import Final

from ml_platform.clusters.kuberay.answers import said_in
from ml_platform.clusters.kuberay.diagnosis.refused import refused_create
from ml_platform.errors import ApiAwayError
from ml_platform.xray.records import Recorder

ANOTHER_AFTER_S: Final = 60.0
"""Tries of one outage are seconds apart."""


class Outages:
    """Those that one step meets, by what they are: a webhook's is not the server's.

    Safe for several threads.

    Args:
        recorder: Is told of each once.
        namespace: Where clusters are made.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        recorder: Recorder,
        namespace: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recorder = recorder
        self._namespace = namespace
        self._clock = clock
        self._last_s: dict[str, float] = {}

    def met(self, error: ApiAwayError) -> None:
        """A request is to be made again for this."""
        found = refused_create(said_in(error), self._namespace)
        key, message = (found.key, found.failure.message) if found else ("", error.message)
        now_s = self._clock()
        last_s = self._last_s.get(key)
        self._last_s[key] = now_s
        if last_s is None or now_s - last_s >= ANOTHER_AFTER_S:
            self._recorder.happened("cluster", detail=f"starting: {message}")
