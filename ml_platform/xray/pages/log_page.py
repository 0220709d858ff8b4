"""The log of an attempt: its end, what has come since, what is found in it.

It is read from the storage when it is asked for, and not for longer than a reader waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ml_platform.errors import InputError, StorageError
from ml_platform.training.record import TrainingRecord
from ml_platform.xray.archived_log import ArchivedLog, LogLine, LogPart
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.logs import JOB, archive_of, kept_log
from ml_platform.xray.parallel import Deadline, ask_all

READ_WITHIN_S: Final = 8.0
ENOUGH_AFTER_S: Final = 1.0
"""Looked for a text: what was found by then is shown, and where to go on; or else the first hit."""
SHOWN: Final = 500
"""Lines at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which part of a log.

    Attributes:
        source: `job`, or a container; empty for the first that there is.
        text: Lines that have this in them alone.
        since: From this byte on; None for the end of the log, or all of it where a text is wanted.
    """

    source: str = ""
    text: str = ""
    since: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPage:
    """What the page of a log shows.

    Attributes:
        attempt: Id of the attempt.
        goes_on: Whether the attempt does, and the log may.
        wanted: Which part of it this is.
        source: From where the lines are.
        sources: All that there are.
        is_archived: Whether this is all that was written, or the last lines that were kept.
        lines: Oldest first.
        next_byte: Where this left off; None if that is the end.
        end_byte: Where that comes which is not archived yet.
        trouble: Why there are no lines, in words.
        hint: What to do about that.
    """

    attempt: str
    goes_on: bool
    wanted: Wanted
    source: str = ""
    sources: tuple[str, ...] = ()
    is_archived: bool = False
    lines: tuple[LogLine, ...] = ()
    next_byte: int | None = None
    end_byte: int = 0
    trouble: str = ""
    hint: str = ""


def wanted_by(source: str, text: str, since: str) -> Wanted:
    """What an address wants of a log.

    Raises:
        InputError: the place is none.
    """
    if since and not (since.isascii() and since.isdigit()):
        raise InputError(f"there is no byte {since!r} in a log", hint="it is a number from 0 on.")
    return Wanted(source=source, text=text, since=int(since) if since else None)


def log_page(attempt: AttemptRecord, wanted: Wanted, *, within_s: float = READ_WITHIN_S) -> LogPage:
    """A part of the log; what cannot be read is said on the page."""
    page = LogPage(attempt=attempt.id, goes_on=attempt.is_open, wanted=wanted)
    deadline = Deadline(within_s)
    read: Callable[[AttemptRecord], LogPage] = partial(_read, page, deadline)
    for _, answer in ask_all(read, [attempt], deadline):
        match answer:
            case InputError() | StorageError():
                return replace(page, trouble=answer.message, hint=answer.hint)
            case Exception():
                reason = f"{type(answer).__name__}: {answer}"
                return replace(page, trouble=f"the log cannot be read: {reason}")
            case _:
                return answer
    return replace(
        page,
        trouble=f"the storage has not answered within {within_s:g} s",
        hint="load this page again; all else is known without the storage.",
    )


def _read(page: LogPage, deadline: Deadline, attempt: AttemptRecord) -> LogPage:
    wanted = page.wanted
    log = archive_of(attempt, deadline)
    if log and wanted.source in ("", JOB):
        part = _part(log, wanted)
        found = TrainingRecord(attempt.folder_uri).attempt(attempt.number)
        return replace(
            page,
            source=JOB,
            sources=(JOB, *found.log_sources()),
            is_archived=True,
            lines=part.lines,
            next_byte=part.next_byte,
            end_byte=part.end_byte,
        )
    kept = kept_log(attempt, wanted.source, archive=log)
    lines = tuple(
        LogLine(byte=number, text=line)
        for number, line in enumerate(kept.lines)
        if wanted.text.lower() in line.lower()
    )
    return replace(page, source=kept.source, sources=kept.sources, lines=lines)


def _part(log: ArchivedLog, wanted: Wanted) -> LogPart:
    if wanted.text:
        enough = Deadline(ENOUGH_AFTER_S)
        return log.search(wanted.text, SHOWN, since=wanted.since or 0, enough_after=enough)
    return log.last(SHOWN) if wanted.since is None else log.since(wanted.since, SHOWN)
