"""Gathers what attempts have left while the pages are served, so that none waits for storage."""

from collections.abc import Callable
from typing import Final

from ml_platform.errors import PlatformError
from ml_platform.training.telemetry.background import Background
from ml_platform.xray.gather import Gathered

EVERY_S: Final = 10.0
CLOSED_WITHIN_S: Final = 5.0


class Gathering(Background):
    """Gathers again and again, until the block ends.

    Args:
        gather: Brings the store up to what the storage has.
        every_s: How long it rests between.
    """

    def __init__(self, gather: Callable[[], Gathered], *, every_s: float = EVERY_S) -> None:
        super().__init__("xray-gathering", closed_within_s=CLOSED_WITHIN_S)
        self._gather = gather
        self._every_s = every_s
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why not all is gathered, in words; empty if nothing is missing."""
        return self._trouble

    def _run(self) -> None:
        while not self.closing.is_set():
            try:
                self._trouble = self._gather().trouble
            except PlatformError as error:
                self._trouble = error.message
            except Exception as error:  # boundary: what is known is shown all the same
                self._trouble = f"{type(error).__name__}: {error}"
            self.closing.wait(self._every_s)
