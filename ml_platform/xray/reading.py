"""Reads an attempt out of its folder in object storage; what cannot be read hides nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pydantic import ValidationError

from ml_platform.errors import StorageError
from ml_platform.storage import Folder
from ml_platform.training.checkpoints import (
    CHECKPOINTS_FOLDER,
    CheckpointRef,
    attempt_path,
    newest_checkpoint,
)
from ml_platform.training.journal import read_entry
from ml_platform.training.record import (
    CLAIM_FILE,
    ENDED_FILE,
    EVENTS_FOLDER,
    READY_FILE,
    RESTARTS_FOLDER,
    STARTED_FILE,
    Attempt,
    Claim,
    Ended,
    Ready,
    Started,
    TrainingRecord,
)
from ml_platform.training.request import RESULT_FILE
from ml_platform.training.result import TrainingResult
from ml_platform.xray.attempt import AttemptRead, AttemptRecord, Unreadable
from ml_platform.xray.curves import curves_of

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRef:
    """Where an attempt is kept.

    Attributes:
        folder_uri: Its training's folder, `…/trainings/<model>/<partition>/<training>`.
        number: From 1.
        known: Events that need not be read again.
    """

    folder_uri: str
    number: int
    known: frozenset[str] = frozenset()


def read_noted(storage: Folder, path: str) -> AttemptRead:
    """The attempt that an entry of the journal names.

    Raises:
        StorageError: the storage does not answer.
    """
    entry_uri = f"{storage.uri}/{path}"
    try:
        entry = read_entry(storage, path)
    except StorageError:
        raise
    except Exception as error:  # boundary: one object that cannot be read hides no other
        unreadable = Unreadable(object_uri=entry_uri, reason=_reason(error))
        return AttemptRead(attempt=None, unreadable=(unreadable,))
    folder = storage / entry.folder
    read = read_attempt(AttemptRef(folder_uri=folder.uri, number=entry.number))
    return replace(read, entry_uri=entry_uri)


def read_attempt(ref: AttemptRef) -> AttemptRead:
    """What is known of an attempt.

    Raises:
        StorageError: the storage does not answer.
    """
    parts = _Parts(ref)
    attempt = parts.attempt
    claim = parts.read(CLAIM_FILE, attempt.claim)
    if claim is None:
        if not parts.unreadable:
            parts.miss(CLAIM_FILE, "it is not there")
        return AttemptRead(attempt=None, unreadable=tuple(parts.unreadable))
    # Before its events: those of an attempt that has ended are all there.
    ended = parts.read(ENDED_FILE, attempt.ended)
    ready = parts.read(READY_FILE, attempt.ready)
    started = parts.read(STARTED_FILE, attempt.started)
    restarts = ended.worker_restarts if ended else parts.read(RESTARTS_FOLDER, attempt.restarts)
    checkpoint = ended.checkpoint if ended else None
    if ended is None and ready is not None:
        checkpoint = parts.read(CHECKPOINTS_FOLDER, parts.newest_checkpoint)
    events = {}
    for name in parts.read(EVENTS_FOLDER, attempt.event_names) or []:
        if name not in ref.known:
            event = parts.read(f"{EVENTS_FOLDER}/{name}", partial(attempt.event, name))
            if event is not None:
                events[name] = event
    succeeded = ended is not None and ended.status == "succeeded"
    result = parts.read(RESULT_FILE, parts.result) if succeeded else None
    found = _flat(ref, claim, ended, ready, started, restarts or 0, checkpoint)
    return AttemptRead(
        attempt=found,
        events=events,
        curves=curves_of(result) if result else None,
        unreadable=tuple(parts.unreadable),
    )


class _Parts:
    """Reads the parts of an attempt, one by one, and notes what cannot be read."""

    def __init__(self, ref: AttemptRef) -> None:
        self.unreadable: list[Unreadable] = []
        self._record = TrainingRecord(ref.folder_uri)
        self._ref = ref
        self.attempt: Attempt = self._record.attempt(ref.number)

    def read(self, name: str, question: Callable[[], Part | None]) -> Part | None:
        """The answer; None if there is none."""
        try:
            return question()
        except StorageError:
            raise
        except Exception as error:  # boundary: one object that cannot be read hides no other
            self.miss(name, _reason(error))
            return None

    def miss(self, name: str, reason: str) -> None:
        """Note what cannot be read."""
        place = f"{self._ref.folder_uri}/{attempt_path(self._ref.number)}/{name}"
        self.unreadable.append(
            Unreadable(
                object_uri=place,
                folder_uri=self._ref.folder_uri,
                number=self._ref.number,
                reason=reason,
            )
        )

    def result(self) -> TrainingResult | None:
        """The training's, if it is this attempt's."""
        found = self._record.result()
        return found if found is not None and found.attempt == self._ref.number else None

    def newest_checkpoint(self) -> CheckpointRef | None:
        """Of all attempts of the training."""
        return newest_checkpoint(self._record.folder)


def _flat(
    ref: AttemptRef,
    claim: Claim,
    ended: Ended | None,
    ready: Ready | None,
    started: Started | None,
    restarts: int,
    checkpoint: CheckpointRef | None,
) -> AttemptRecord:
    model, partition, training = ref.folder_uri.rsplit("/", 3)[1:]
    failure = ended.failure if ended else None
    return AttemptRecord(
        training=training,
        number=ref.number,
        model=model,
        partition=partition,
        folder_uri=ref.folder_uri,
        status=ended.status if ended else "open",
        run=claim.owner.run,
        root=claim.owner.root,
        step=claim.owner.step,
        process=claim.owner.process,
        team=claim.owner.team,
        backfill=claim.owner.backfill,
        provisioner=claim.provisioner,
        place=claim.place,
        cluster=claim.cluster,
        job=claim.submission_id,
        spec=claim.spec.model_dump(mode="json"),
        spec_in_words=claim.spec.in_words(),
        limits=claim.training.model_dump(mode="json"),
        rung=claim.rung,
        image=claim.spec.image,
        platform_version=claim.platform_version,
        worker_restarts_allowed=claim.worker_restarts,
        abandoned_after_s=claim.abandoned_after_s,
        claimed_at_s=claim.claimed_at_s,
        ready_at_s=ready.at_s if ready else None,
        started_at_s=started.at_s if started else None,
        ended_at_s=ended.ended_at_s if ended else None,
        ended_by_run=ended.seen_by.run if ended else "",
        cause=failure.cause.value if failure else "",
        cause_place=str(failure.place) if failure else "",
        message=failure.message if failure else "",
        hint=failure.hint if failure else "",
        evidence=failure.evidence if failure else (),
        traceback=failure.traceback if failure else "",
        ran_s=ended.ran_s if ended else None,
        progressed=ended.progressed if ended else False,
        worker_restarts=restarts,
        checkpoint_attempt=checkpoint.attempt if checkpoint else None,
        checkpoint_epoch=checkpoint.epoch if checkpoint else None,
        checkpoint_written_at_s=checkpoint.written_at_s if checkpoint else None,
    )


def _reason(error: Exception) -> str:
    """In a line: a file's mistakes may be many."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"]
    return f"{type(error).__name__}: {error}".partition("\n")[0]
