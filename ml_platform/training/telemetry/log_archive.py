"""Copies the log of a driver to storage while it is written, its workers' lines with it.

    log/<first byte>.log

Ray keeps the log on the head, and with the head it is gone. What storage lacks then is what was
written in the last seconds.
"""

import contextlib
import sys
from pathlib import Path
from typing import Final

from ml_platform.storage import Folder
from ml_platform.training.telemetry.background import Background

LOG_FOLDER: Final = "log"
EVERY_S: Final = 5.0
MOST_BYTES: Final = 4 << 20
"""Of one segment, so that memory stays flat."""
FAILURES_IN_A_ROW: Final = 30
CLOSED_WITHIN_S: Final = 5.0


def own_log() -> Path | None:
    """The file that this process's output goes to; None where it goes elsewhere."""
    with contextlib.suppress(OSError):
        found = Path("/proc/self/fd/1").readlink()
        if found.is_file():
            return found
    return None


class LogArchive(Background):
    """Archives a log that grows, until the block ends.

    Args:
        attempt: The attempt's folder.
        log: The file; None archives nothing.
        every_s: How often it is looked at.
    """

    def __init__(self, attempt: Folder, log: Path | None, *, every_s: float = EVERY_S) -> None:
        super().__init__("log-archive", closed_within_s=CLOSED_WITHIN_S)
        self._attempt = attempt
        self._log = log
        self._every_s = every_s
        self._position = 0

    def _run(self) -> None:
        if self._log is None:
            return
        failures = 0
        while failures < FAILURES_IN_A_ROW:
            closing = self.closing.wait(self._every_s)
            try:
                while self._copy_next(whole_lines=not closing):
                    pass
                failures = 0
            except Exception as error:  # boundary: observing never fails the work
                failures += 1
                if failures == 1:
                    with contextlib.suppress(OSError):
                        sys.stderr.write(f"this log cannot be archived now: {error!r}\n")
            if closing:
                return

    def _copy_next(self, *, whole_lines: bool) -> bool:
        """Copy a segment; whether there may be more."""
        assert self._log is not None
        with self._log.open("rb") as file:
            file.seek(self._position)
            found = file.read(MOST_BYTES)
        if whole_lines and len(found) < MOST_BYTES:
            found = found[: found.rfind(b"\n") + 1]
        if not found:
            return False
        self._attempt.create(f"{LOG_FOLDER}/{self._position:015d}.log", found)
        self._position += len(found)
        return len(found) == MOST_BYTES


def archived(attempt: Folder) -> bytes:
    """All of the log that storage has, which may lack its last seconds."""
    names = attempt.names(LOG_FOLDER)
    return b"".join(attempt.read(f"{LOG_FOLDER}/{name}") for name in names)
