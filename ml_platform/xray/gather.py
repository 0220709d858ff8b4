"""Gathers what attempts have left in object storage into X-Ray's store.

The journal says what is new; what was open is read again, and so is what could not be read. It may
be cut off anywhere and done by any number at once: an attempt is kept whole or not at all, and how
far the journal was read is noted last.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from ml_platform.errors import StorageError, XrayError
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.training.checkpoints import ATTEMPTS_FOLDER, attempt_path
from ml_platform.training.journal import entries_of, entry_name, journal_days
from ml_platform.training.request import TRAININGS_FOLDER
from ml_platform.xray.attempt import AttemptKey, AttemptRead, Unreadable
from ml_platform.xray.parallel import Deadline, ask_all
from ml_platform.xray.reading import AttemptRef, read_attempt, read_noted
from ml_platform.xray.sample_gathering import gather_samples
from ml_platform.xray.store import Store, open_store

Question = TypeVar("Question")
Answer = TypeVar("Answer")

LATE: Final = timedelta(days=2)
"""An entry may be written so long after the day that it is of."""
KEPT_AT_ONCE: Final = 50
RETRIED_AT_ONCE: Final = 100
"""Of what could not be read; the others have their turn next time."""
_FIRST_DAY: Final = date(1970, 1, 1)
_Task = AttemptRef | str
"""An attempt, or the path of the entry that names one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """What was gathered.

    Attributes:
        new: Attempts that were not known before.
        again: Attempts that were read again, as they were open or could not be read.
        left: Attempts for which there was no time.
        samples: Objects with samples that were read.
        unreadable: What cannot be read, as far as this is the first word of it.
        trouble: Why it is not all, in words; empty if nothing is missing.
    """

    new: int = 0
    again: int = 0
    left: int = 0
    samples: int = 0
    unreadable: tuple[Unreadable, ...] = ()
    trouble: str = ""


def gather(
    store: Store,
    storage_root: str,
    *,
    everything: bool = False,
    samples: bool = True,
    deadline: Deadline | None = None,
    now: Callable[[], float] = time.time,
    tell: Callable[[int, int], None] = lambda done, of: None,
    tell_samples: Callable[[int], None] = lambda done: None,
) -> Gathered:
    """Bring the store up to what the storage has.

    Args:
        store: Where to.
        storage_root: URI of the namespace's folder in object storage.
        everything: Read every attempt of every training, whether the journal has it or not.
        samples: Read what they measured too, after the attempts. Who only lists attempts has no
            need of it, and it may take long.
        deadline: Until when; what is not done by then is done next time.
        now: Seconds since 1970.
        tell: Called with how many attempts were read, and of how many.
        tell_samples: Called with how many objects of samples were read.

    Raises:
        XrayError: the store fails.
    """
    deadline = deadline or Deadline()
    work = _Gathering(store, Folder(storage_root), deadline, now)
    try:
        tasks, newest = work.all_tasks() if everything else work.new_tasks()
        work.read(tasks, tell)
    except _IncompleteError as error:
        return replace(work.gathered, trouble=str(error))
    if newest is not None:
        # A day of the future, of a clock that is wrong, would hide all that comes before it.
        today = datetime.fromtimestamp(now(), UTC).date()
        store.gathering.note_newest_day(work.storage.uri, min(newest, today), at_s=now())
    if not samples:
        return work.gathered
    measured = gather_samples(store.sample_store, deadline=deadline, now=now, tell=tell_samples)
    return replace(work.gathered, samples=measured.objects, trouble=measured.trouble)


def ask_up_to_date(
    settings: Settings,
    storage_root: str,
    question: Callable[[Store], Answer],
    *,
    within_s: float,
    now: Callable[[], float] = time.time,
) -> tuple[Answer, str]:
    """What the store answers once it has what the storage has, and why that may not be all.

    Nobody else may gather here: half of the time is for that, and what was read in it is asked of
    in the other half.

    Args:
        settings: Where the store is.
        storage_root: URI of the namespace's folder in object storage.
        question: Asked of the store, from a thread.
        within_s: For how long both are waited for.
        now: Seconds since 1970.

    Raises:
        XrayError: the store fails, or there was no answer in time.
        Exception: whatever else the question raises.
    """

    def ask(storage_root: str) -> tuple[Answer, str]:
        with open_store(settings) as store:
            in_half = Deadline(within_s / 2)
            gathered = gather(store, storage_root, samples=False, deadline=in_half, now=now)
            return question(store), gathered.trouble

    for _, answer in ask_all(ask, [storage_root], Deadline(within_s)):
        if isinstance(answer, Exception):
            raise answer
        return answer
    raise XrayError(f"X-Ray did not answer within {within_s:g} s")


class _IncompleteError(Exception):
    """It is not all; says why."""


class _Gathering:
    def __init__(
        self, store: Store, storage: Folder, deadline: Deadline, now: Callable[[], float]
    ) -> None:
        self.storage = storage
        self.gathered = Gathered()
        self._store = store
        self._deadline = deadline
        self._now = now
        self._known: Collection[AttemptKey] | None = None

    def new_tasks(self) -> tuple[list[_Task], date | None]:
        """What was open, what is new, newest first, and what is tried again; and the newest day."""
        tasks = self._open_ones()
        days, newest = self._days()
        before = self._store.gathering.newest_day(self.storage.uri)
        if before is not None:
            days = [day for day in days if date.fromisoformat(day) >= before - LATE]
        if days:
            claimed = self._store.known_since(date.fromisoformat(days[0]))
            known = {
                entry_name(training=training, number=number, claimed_at_s=at_s)
                for (training, _, number), at_s in claimed.items()
            }
            listed = self._answers(partial(entries_of, self.storage), days)
            newest_first = (path for day in reversed(days) for path in listed[day])
            tasks += [path for path in newest_first if path.rsplit("/", 1)[1] not in known]
        return list(dict.fromkeys([*tasks, *self._retries(tasks)])), newest

    def all_tasks(self) -> tuple[list[_Task], date | None]:
        """Every attempt that there is, and the newest day of the journal."""
        _, newest = self._days()
        self._known = self._store.known_since(_FIRST_DAY)
        level = [TRAININGS_FOLDER]
        for _ in ("models", "partitions", "trainings"):
            level = self._below(level)
        level = self._below([f"{training}/{ATTEMPTS_FOLDER}" for training in level])
        attempts = [path.rsplit("/", 2) for path in level]
        return [
            AttemptRef(folder_uri=(self.storage / training).uri, number=int(number))
            for training, _, number in attempts
            if number.isdigit()
        ], newest

    def read(self, tasks: Sequence[_Task], tell: Callable[[int, int], None]) -> None:
        """Read the attempts and keep them."""
        self.gathered = replace(self.gathered, left=len(tasks))
        batch: list[AttemptRead] = []
        trouble = ""

        def keep() -> None:
            told = self._store.keep(batch, at_s=self._now())
            new = sum(self._is_new(one) for one in batch)
            self.gathered = replace(
                self.gathered,
                new=self.gathered.new + new,
                again=self.gathered.again + sum(one.attempt is not None for one in batch) - new,
                left=self.gathered.left - len(batch),
                unreadable=(*self.gathered.unreadable, *told),
            )
            tell(len(tasks) - self.gathered.left, len(tasks))
            batch.clear()

        for _, answer in ask_all(self._read, tasks, self._deadline):
            if isinstance(answer, Exception):
                trouble = _in_words(answer)
                break
            batch.append(answer)
            if len(batch) >= KEPT_AT_ONCE:
                keep()
        if batch:
            keep()
        if trouble:
            raise _IncompleteError(trouble)
        if self.gathered.left:
            raise _IncompleteError(f"the time was over with {self.gathered.left} attempts to read")

    def _read(self, task: _Task) -> AttemptRead:
        try:
            return read_noted(self.storage, task) if isinstance(task, str) else read_attempt(task)
        except StorageError:
            raise
        except Exception as error:  # boundary: one attempt that cannot be read hides no other
            return AttemptRead(attempt=None, unreadable=(self._unreadable(task, error),))

    def _unreadable(self, task: _Task, error: Exception) -> Unreadable:
        reason = _in_words(error)
        if isinstance(task, str):
            return Unreadable(object_uri=f"{self.storage.uri}/{task}", reason=reason)
        return Unreadable(
            object_uri=f"{task.folder_uri}/{attempt_path(task.number)}",
            folder_uri=task.folder_uri,
            number=task.number,
            reason=reason,
        )

    def _is_new(self, read: AttemptRead) -> bool:
        if self._known is None:
            return read.attempt is not None and read.entry_uri != ""
        return read.attempt is not None and read.attempt.key not in self._known

    def _days(self) -> tuple[list[str], date | None]:
        """The days of the journal, oldest first, and the last of them."""
        days = self._answers(journal_days, [self.storage])[self.storage]
        return days, date.fromisoformat(days[-1]) if days else None

    def _open_ones(self) -> list[_Task]:
        attempts = self._store.open_attempts()
        events = self._store.events(attempts)
        return [
            AttemptRef(
                folder_uri=one.folder_uri, number=one.number, known=frozenset(events[one.key])
            )
            for one in attempts
        ]

    def _retries(self, tasks: Sequence[_Task]) -> list[_Task]:
        ours = f"{self.storage.uri}/"
        there = {(one.folder_uri, one.number) for one in tasks if isinstance(one, AttemptRef)}
        found: list[_Task] = []
        for one in self._store.gathering.unreadable(RETRIED_AT_ONCE):
            if not one.folder_uri:
                found.append(one.object_uri.removeprefix(ours))
            elif (one.folder_uri, one.number) not in there:
                found.append(AttemptRef(folder_uri=one.folder_uri, number=one.number))
        return found

    def _below(self, folders: Sequence[str]) -> list[str]:
        found = self._answers(self._folders, folders)
        return [f"{folder}/{name}" for folder in folders for name in found[folder]]

    def _folders(self, name: str) -> list[str]:
        try:
            return [one for one in self.storage.names(name) if not one.startswith(".")]
        except NotADirectoryError:  # somebody's file among them
            return []

    def _answers(
        self, ask: Callable[[Question], Answer], questions: Sequence[Question]
    ) -> dict[Question, Answer]:
        """All answers, or none."""
        found = {}
        for question, answer in ask_all(ask, questions, self._deadline):
            if isinstance(answer, Exception):
                raise _IncompleteError(_in_words(answer)) from answer
            found[question] = answer
        if len(found) < len(questions):
            raise _IncompleteError(f"the storage {self.storage.uri} did not answer in time")
        return found


def _in_words(error: Exception) -> str:
    return getattr(error, "message", "") or f"{type(error).__name__}: {error}"
