"""How long a job's log has brought nothing new."""

from collections.abc import Callable


class Silence:
    """A clock that each new character of the log sets back; a log given again brings none.

    Args:
        limit_s: How long it may last.
        clock: Seconds that only grow.
        goes_on: Whether the job has shown otherwise that it makes progress.
    """

    def __init__(
        self, limit_s: float, clock: Callable[[], float], goes_on: Callable[[], bool]
    ) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self.goes_on = goes_on
        self._position = 0
        self._since = clock()

    @property
    def is_over_limit(self) -> bool:
        """Whether it has lasted too long."""
        return self._clock() - self._since >= self._limit_s

    def heard(self, position: int) -> None:
        """The log has been taken in up to here."""
        if position > self._position:
            self._position = position
            self.begin_anew()

    def begin_anew(self) -> None:
        """There was a sign of another kind, or nobody could have heard one."""
        self._since = self._clock()
