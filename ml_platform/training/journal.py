"""The journal of attempts: a small object for each, by day, so that a reader finds what is new.

    <storage root>/xray/journal/2026-11-28/1795874523120-3f2a9c0d1b7e5a61-1.json

What an attempt did is in its training's folder; this only says where that is. The name comes from
the claim alone, so whoever goes on with an attempt writes the same object again. An entry may be
missing, as nothing waits for it: a walk over all trainings finds what the journal does not name.
"""

import re
import threading
from datetime import UTC, date, datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from ml_platform.storage import Folder
from ml_platform.training.record import Claim
from ml_platform.training.request import TrainingRequest

JOURNAL_FOLDER: Final = "xray/journal"
WAIT_S: Final = 1.0
"""A training waits so long for its entry, and goes on while it is still being written."""
_NAME: Final = re.compile(r"\d+-[0-9a-f]+-\d+\.json")


class JournalEntry(BaseModel):
    """An attempt that was claimed.

    Attributes:
        folder: Its training's folder, seen from the storage root, which may move.
        model: Name of the model.
        partition: Its partition.
        training: The hash that names the training.
        number: Of the attempt, from 1.
        claimed_at_s: When, in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    folder: str
    model: str
    partition: str
    training: str
    number: int
    claimed_at_s: float


def note_attempt(request: TrainingRequest, claim: Claim, *, wait_s: float = WAIT_S) -> str:
    """Write the entry of an attempt; says what went wrong, or nothing.

    Raises nothing and returns within `wait_s`: observing never fails a training.
    """
    trouble = [f"was not written within {wait_s:g} s"]

    def write() -> None:
        try:
            entry = _entry(request, claim)
            content = entry.model_dump_json(indent=1).encode()
            Folder(request.storage_root).create(_path(entry), content)
        except Exception as error:  # boundary: the training goes on without
            trouble[0] = f"cannot be written: {error!r}"
        else:
            trouble.clear()

    try:
        writer = threading.Thread(target=write, name="journal", daemon=True)
        writer.start()
        writer.join(wait_s)
    except RuntimeError as error:  # no thread can be started
        trouble[0] = f"cannot be written: {error!r}"
    told = tuple(trouble)
    if not told:
        return ""
    return (
        f"X-Ray's entry of attempt {claim.number} {told[0]}; "
        "`mlp xray gather --all` finds the attempt without it"
    )


def journal_days(storage: Folder) -> list[str]:
    """The days that have entries, oldest first."""
    return [name for name in storage.names(JOURNAL_FOLDER) if _is_day(name)]


def entries_of(storage: Folder, day: str) -> list[str]:
    """Paths of a day's entries, newest first, seen from the storage root."""
    names = storage.names(f"{JOURNAL_FOLDER}/{day}")
    there = (name for name in sorted(names, reverse=True) if _NAME.fullmatch(name))
    return [f"{JOURNAL_FOLDER}/{day}/{name}" for name in there]


def entry_name(*, training: str, number: int, claimed_at_s: float) -> str:
    """The last part of the path of an attempt's entry."""
    return f"{round(claimed_at_s * 1000)}-{training}-{number}.json"


def read_entry(storage: Folder, path: str) -> JournalEntry:
    """An entry.

    Raises:
        FileNotFoundError: it is not there.
        ValidationError: it is none.
    """
    return JournalEntry.model_validate_json(storage.read(path))


def _entry(request: TrainingRequest, claim: Claim) -> JournalEntry:
    return JournalEntry(
        folder=request.folder_uri.removeprefix(f"{request.storage_root}/"),
        model=request.model,
        partition=request.partition,
        training=request.inputs_hash(),
        number=claim.number,
        claimed_at_s=claim.claimed_at_s,
    )


def _path(entry: JournalEntry) -> str:
    day = datetime.fromtimestamp(entry.claimed_at_s, UTC).date()
    name = entry_name(training=entry.training, number=entry.number, claimed_at_s=entry.claimed_at_s)
    return f"{JOURNAL_FOLDER}/{day.isoformat()}/{name}"


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False
