"""Gathers what attempts measured while they ran, which is far more than what is said of them.

A day of 64 workers is some 100,000 objects. So it comes after the attempts, the newest first, and
each object is read once; what there is no time for comes next time. An object that cannot be read
is passed over.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from ml_platform.errors import StorageError
from ml_platform.storage import Folder
from ml_platform.training.checkpoints import attempt_path
from ml_platform.training.telemetry.writer import SAMPLES_FOLDER
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.parallel import Deadline, ask_all
from ml_platform.xray.sample_store import SamplesRead, SampleStore
from ml_platform.xray.samples import Sample, from_lines

Question = TypeVar("Question")
Answer = TypeVar("Answer")

ATTEMPTS_AT_ONCE: Final = 100
KEPT_AT_ONCE: Final = 200
SETTLED_S: Final = 120.0
"""After its end, an attempt's workers may still write what they have measured."""
_OBJECT: Final = re.compile(r"(\d+)\.jsonl")


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplesGathered:
    """What was gathered.

    Attributes:
        objects: How many were read.
        trouble: Why it is not all, in words; empty if nothing is missing.
    """

    objects: int = 0
    trouble: str = ""


def gather_samples(
    store: SampleStore,
    attempts: Sequence[AttemptRecord] | None = None,
    *,
    deadline: Deadline | None = None,
    now: Callable[[], float] = time.time,
    tell: Callable[[int], None] = lambda done: None,
) -> SamplesGathered:
    """Bring the samples in the store up to what the storage has.

    Args:
        store: Where to.
        attempts: Of which; of all that may have more, if not given.
        deadline: Until when; what is not done by then is done next time.
        now: Seconds since 1970.
        tell: Called with how many objects were read.

    Raises:
        XrayError: the store fails.
    """
    if attempts is None:
        left = store.unread()
    else:
        left = [one for one in attempts if not store.are_all_read(one.key)]
    work = _Sampling(store, deadline or Deadline(), now, tell)
    waiting = iter(left)
    try:
        while batch := list(islice(waiting, ATTEMPTS_AT_ONCE)):
            work.read(batch)
    except _IncompleteError as error:
        return SamplesGathered(objects=work.objects, trouble=str(error))
    return SamplesGathered(objects=work.objects)


class _IncompleteError(Exception):
    """It is not all; says why."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Who has measured: a folder of an attempt's samples."""

    index: int
    folder: Folder
    name: str


@dataclass(frozen=True, slots=True)
class _Object:
    source: _Source
    name: str

    @property
    def path(self) -> str:
        return f"{self.source.name}/{self.name}"

    @property
    def written_at_ms(self) -> int:
        return int(self.name.partition(".")[0])


class _Sampling:
    def __init__(
        self,
        store: SampleStore,
        deadline: Deadline,
        now: Callable[[], float],
        tell: Callable[[int], None],
    ) -> None:
        self.objects = 0
        self._store = store
        self._deadline = deadline
        self._now = now
        self._tell = tell

    def read(self, attempts: Sequence[AttemptRecord]) -> None:
        """Read the samples of these, the first one's first.

        Raises:
            _IncompleteError: there was no time, or the storage does not answer.
        """
        objects, unlisted = self._listed(attempts)
        batch: list[SamplesRead] = []
        try:
            for one, answer in self._answers(_samples, objects):
                read = () if isinstance(answer, Exception) else answer
                key = attempts[one.source.index].key
                batch.append(SamplesRead(key=key, object_name=one.path, samples=read))
                if len(batch) >= KEPT_AT_ONCE:
                    self._keep(batch)
        finally:
            self._keep(batch)
        self._store.note_all_read(
            [
                one.key
                for index, one in enumerate(attempts)
                if index not in unlisted and self._has_settled(one)
            ]
        )

    def _listed(self, attempts: Sequence[AttemptRecord]) -> tuple[list[_Object], set[int]]:
        """What is to be read, the newest first of each; and of which it cannot be told."""
        unlisted: set[int] = set()
        found: list[_Object] = []
        places = [
            _Source(index, Folder(f"{one.folder_uri}/{attempt_path(one.number)}"), SAMPLES_FOLDER)
            for index, one in enumerate(attempts)
        ]
        sources: list[_Source] = []
        for place, names in self._answers(_names, places):
            if isinstance(names, Exception):
                unlisted.add(place.index)
                continue
            folder = place.folder / SAMPLES_FOLDER
            sources += [_Source(place.index, folder, name) for name in names]
        known = {
            index: self._store.object_names(attempts[index].key)
            for index in sorted({one.index for one in sources})
        }
        for source, names in self._answers(_names, sources):
            if isinstance(names, Exception):
                unlisted.add(source.index)
                continue
            found += [
                one
                for name in names
                if _OBJECT.fullmatch(name)
                and (one := _Object(source, name)).path not in known[source.index]
            ]
        # Of all workers in one order: what is read by the deadline is the same hours of each.
        return sorted(found, key=lambda one: (one.source.index, -one.written_at_ms)), unlisted

    def _keep(self, batch: list[SamplesRead]) -> None:
        if batch:
            self._store.keep(batch)
            self.objects += len(batch)
            self._tell(self.objects)
            batch.clear()

    def _has_settled(self, attempt: AttemptRecord) -> bool:
        ended_at_s = attempt.ended_at_s
        return ended_at_s is not None and self._now() - ended_at_s >= SETTLED_S

    def _answers(
        self, ask: Callable[[Question], Answer], questions: Sequence[Question]
    ) -> Iterator[tuple[Question, Answer | Exception]]:
        """The answers to all questions, as they come; an object's own trouble among them."""
        count = 0
        for question, answer in ask_all(ask, questions, self._deadline):
            if isinstance(answer, StorageError):
                raise _IncompleteError(answer.message)
            count += 1
            yield question, answer
        if count < len(questions):
            raise _IncompleteError("the time was over with samples to read")


def _names(source: _Source) -> list[str]:
    try:
        return source.folder.names(source.name)
    except NotADirectoryError:  # somebody's file among them
        return []


def _samples(one: _Object) -> tuple[Sample, ...]:
    text = one.source.folder.read(one.path).decode(errors="replace")
    return tuple(from_lines(text.splitlines()))
