"""For how long something may be seen not to happen; an outage between two looks is no such time."""

from collections.abc import Callable
from typing import Final

LONGEST_LOOK_S: Final = 5.0
"""A look that took longer has waited for the API server, without which nothing could happen."""


class WatchedLimit:
    """A limit that only time counts for in which somebody looked.

    Args:
        limit_s: For how long.
        clock: Seconds that only grow.
    """

    def __init__(self, limit_s: float, clock: Callable[[], float]) -> None:
        self._left_s = limit_s
        self._clock = clock
        self._looked_at_s = clock()

    def is_over(self) -> bool:
        """Whether it has lasted too long; asked after each look at which it had not happened."""
        now = self._clock()
        self._left_s -= min(now - self._looked_at_s, LONGEST_LOOK_S)
        self._looked_at_s = now
        return self._left_s <= 0
