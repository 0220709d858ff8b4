"""Who uses the node now: tests beside each other, or one file that takes parts of it away."""

import fcntl
from typing import IO, Final

from tests.kubernetes.testbed.programs import cache

_FILE: Final = "turns.lock"


class Turn:
    """A process's turn at the node, a file of tests at a time, as its fixtures outlive each test.

    The lock is let go when its holder ends.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._of: tuple[str, bool] | None = None

    def begin(self, file: str, *, alone: bool) -> None:
        """Wait until tests of this file may run.

        Args:
            file: Its name; the fixtures of the one before have been torn down.
            alone: Whether nothing may run beside them.
        """
        if self._of == (file, alone):
            return
        self.end()
        path = cache() / _FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        fcntl.flock(self._file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        self._of = (file, alone)

    def end(self) -> None:
        """Let others have theirs."""
        if self._file is not None:
            self._file.close()
        self._file = self._of = None
