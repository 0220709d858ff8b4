"""The last lines of an attempt that its folder has kept, by where they are from."""

import difflib
from dataclasses import dataclass
from typing import Final

from ml_platform.errors import InputError
from ml_platform.training.record import TrainingRecord
from ml_platform.xray.attempt import AttemptRecord

JOB: Final = "job"
"""The log of the Ray job: its driver, and what the workers printed."""


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


def kept_log(attempt: AttemptRecord, source: str = "") -> KeptLog:
    """The lines of a source; of the job, or else of the first container, if none is named.

    Raises:
        InputError: there is no such source, or nothing was kept.
        StorageError: the storage does not answer.
    """
    found = TrainingRecord(attempt.folder_uri).attempt(attempt.number)
    ended = found.ended()
    tail = ended.log_tail if ended else ()
    sources = (*([JOB] if tail else []), *found.log_sources())
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
    lines = tail if chosen == JOB else found.log(chosen)
    return KeptLog(attempt=attempt.id, source=chosen, sources=sources, lines=lines)


def _where(attempt: AttemptRecord) -> str:
    if attempt.is_open:
        return (
            "it goes on: its step in Dagster shows the log. The last lines are kept when it fails."
        )
    return f"only failed attempts keep one; the step of run {attempt.run} in Dagster has its log."
