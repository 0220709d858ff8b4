"""The one place where an error becomes a message and an exit code.

0  done
1  the platform failed, or a check says no
2  the user's words are wrong: nothing ran
130  interrupted
"""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ml_platform.cli.output import ERROR, dim, note
from ml_platform.errors import (
    ClusterStartError,
    InputError,
    PlatformError,
    TrainingError,
    cause_of,
)

FAILED: Final = 1
WRONG_INPUT: Final = 2
INTERRUPTED: Final = 130
LAST_LINES: Final = 20
"""Of each container that has failed."""
ANOTHER_PLACE: Final = "or set MLP_HOME (MLP_STORAGE_URI, TMPDIR) to another place."
MACHINE: Final = {
    errno.ENOSPC: f"make room on that disk, {ANOTHER_PLACE}",
    errno.EDQUOT: f"your quota on that disk is used up: remove something, {ANOTHER_PLACE}",
    errno.EROFS: f"that disk cannot be written: mount it otherwise, {ANOTHER_PLACE}",
    errno.EACCES: f"give yourself the right to it, {ANOTHER_PLACE}",
}


def guarded(action: Callable[[], int | None]) -> int:
    """Run `action` and return the exit code; whatever it raises is shown as a short message."""
    try:
        return action() or 0
    except KeyboardInterrupt:
        note("\ninterrupted: nothing half is left, the same command goes on from here")
        return INTERRUPTED
    except PlatformError as error:
        show_error(error)
        return WRONG_INPUT if isinstance(error, InputError) else FAILED
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has gone; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # the boundary: everything else is a defect of the platform
        named = cause_of(error) or _of_the_machine(error)
        if named is not None:
            show_error(named)
            return WRONG_INPUT if isinstance(named, InputError) else FAILED
        place = _write_traceback(error)
        note(ERROR, f"{type(error).__name__}: {error}")
        note(f"  → this is a defect of the platform; the traceback is in {place}")
        return FAILED


def _of_the_machine(error: Exception) -> PlatformError | None:
    """A full disk or a missing right, of whatever file: it is nobody's defect."""
    if not isinstance(error, OSError) or error.errno not in MACHINE:
        return None
    place = f"{error.filename}: " if error.filename else ""
    return PlatformError(f"{place}{error.strerror}", hint=MACHINE[error.errno])


def show_error(error: PlatformError) -> None:
    """Write message and hint, and what was said last: by the user's code, or by containers."""
    if isinstance(error, TrainingError) and error.traceback:
        note(dim(error.traceback.rstrip()))
    if isinstance(error, ClusterStartError):
        for name, lines in error.logs.items():
            last = "\n".join(lines[-LAST_LINES:])
            note(dim(f"the last of {name}:\n{last}"))
    note(ERROR, error.message)
    if error.hint:
        note(f"  → {error.hint}")


def _write_traceback(error: Exception) -> Path:
    from ml_platform.settings import load_settings

    try:
        folder = load_settings().home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
    except (PlatformError, OSError):
        folder = Path(tempfile.gettempdir())
    place = folder / f"mlp-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    command = f"{' '.join(sys.argv)}\n\n"
    place.write_text(command + "".join(traceback.format_exception(error)))
    return place
