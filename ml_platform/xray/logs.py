"""The last lines of an attempt that its folder has, by where they are from.

That of its job is archived while it is written; what a failed attempt kept of it is shorter.
"""

import difflib
from dataclasses import dataclass
from typing import Final

from ml_platform.errors import InputError
from ml_platform.training.record import TrainingRecord
from ml_platform.xray.archived_log import ArchivedLog
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.parallel import Deadline

JOB: Final = "job"
"""The log of the Ray job: its driver, and what the workers printed."""
LAST: Final = 200
"""Lines of an archived log; its page has all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptLog:
    """The last lines of one source.

    Attributes:
        attempt: Id of the attempt.
        source: Of which these lines are: `job`, or a container as `<pod>.<container>`.
        sources: All that there are.
        lines: Oldest first.
    """

    attempt: str
    source: str
    sources: tuple[str, ...]
    lines: tuple[str, ...]


def archive_of(attempt: AttemptRecord, deadline: Deadline) -> ArchivedLog:
    """The log of its job as far as it is archived, which is false where nothing is.

    Raises:
        StorageError: the storage does not answer.
    """
    folder = TrainingRecord(attempt.folder_uri).attempt(attempt.number).folder
    return ArchivedLog(folder, deadline)


def kept_log(
    attempt: AttemptRecord, source: str = "", *, archive: ArchivedLog | None = None
) -> KeptLog:
    """The lines of a source; of the job, or else of the first container, if none is named.

    Args:
        attempt: Whose.
        source: Which log.
        archive: The log of its job, if that is archived.

    Raises:
        InputError: there is no such source, or nothing is there.
        StorageError: the storage does not answer.
    """
    found = TrainingRecord(attempt.folder_uri).attempt(attempt.number)
    ended = found.ended()
    tail = ended.log_tail if ended else ()
    sources = (*([JOB] if tail or archive else []), *found.log_sources())
    if not sources:
        raise InputError(f"no log of attempt {attempt.short_id} was kept", hint=_where(attempt))
    chosen = source or sources[0]
    if chosen not in sources:
        near = difflib.get_close_matches(source, sources, n=1)
        meant = f", did you mean {near[0]}?" if near else ""
        raise InputError(
            f"attempt {attempt.short_id} has no log of {source!r}{meant}",
            hint=f"--source takes {', '.join(sources)}.",
        )
    if chosen != JOB:
        lines = found.log(chosen)
    else:
        archived = archive.last(LAST).lines if archive else ()
        lines = tuple(line.text for line in archived) or tail
    return KeptLog(attempt=attempt.id, source=chosen, sources=sources, lines=lines)


def _where(attempt: AttemptRecord) -> str:
    if attempt.is_open:
        return (
            "it goes on: its step in Dagster shows the log, and seconds after its driver began "
            "it is archived too."
        )
    return (
        "it never ran, could not write to its storage, or is of a version that archived none; the "
        f"step of run {attempt.run} in Dagster has its log."
    )
