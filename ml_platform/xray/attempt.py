"""An attempt as X-Ray knows it: what its files say, flat, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ml_platform.xray.curves import Curves
from ml_platform.xray.records import Event

Status = Literal["open", "succeeded", "failed", "superseded"]
AttemptKey = tuple[str, str, int]
"""Training, partition and number: two partitions of equal snapshots have trainings of one name."""
SHORT: Final = 8
"""Digits of a training that people are shown; more are needed once in some 10,000 trainings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRecord:
    """One try at a training; fields that are None, or empty, are not known or not there yet.

    Attributes:
        training: Hash that names the training.
        number: Of the attempt, from 1.
        folder_uri: The training's folder, as it was when this was gathered.
        status: `open` until its end was seen.
        run: The run that claimed it.
        root: The run that a person or a schedule started, of which that may be a retry.
        team: Who pays, as its asset's owners said when it was claimed; without `team:`.
        backfill: Id of Dagster's backfill that its run belonged to.
        place: From where its cluster can be seen.
        job: Submission id of its Ray job.
        spec: The cluster that was asked for, as its claim has it.
        limits: `training` of `defs.yaml`, as it was when it was claimed.
        rung: Position on the memory ladder, from 0.
        worker_restarts_allowed: How often its job might start its workers again.
        abandoned_after_s: Seconds that its job lives without anybody; None if that never ends.
        claimed_at_s: When it was claimed, in seconds since 1970; so are the others.
        ready_at_s: When its cluster was.
        started_at_s: When its driver began, by that pod's clock.
        ended_by_run: The run that saw its end.
        cause: Why it failed.
        cause_place: Where.
        ran_s: How long its driver ran.
        progressed: Whether it left the newest checkpoint.
        checkpoint_attempt: Which attempt wrote the newest checkpoint of the training.
    """

    training: str
    number: int
    model: str
    partition: str
    folder_uri: str
    status: Status
    run: str
    root: str
    step: str = ""
    process: str = ""
    team: str = ""
    backfill: str = ""
    provisioner: str
    place: str
    cluster: str
    job: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    spec_in_words: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)
    rung: int = 0
    image: str = ""
    platform_version: str = ""
    worker_restarts_allowed: int = 0
    abandoned_after_s: float | None = None
    claimed_at_s: float
    ready_at_s: float | None = None
    started_at_s: float | None = None
    ended_at_s: float | None = None
    ended_by_run: str = ""
    cause: str = ""
    cause_place: str = ""
    message: str = ""
    hint: str = ""
    evidence: tuple[str, ...] = ()
    traceback: str = ""
    ran_s: float | None = None
    progressed: bool = False
    worker_restarts: int = 0
    checkpoint_attempt: int | None = None
    checkpoint_epoch: int | None = None
    checkpoint_written_at_s: float | None = None

    @property
    def key(self) -> AttemptKey:
        """What tells it from all others of its namespace."""
        return self.training, self.partition, self.number

    @property
    def id(self) -> str:
        """Its name in full: `3f2a9c0d1b7e5a61-1`."""
        return f"{self.training}-{self.number}"

    @property
    def short_id(self) -> str:
        """Its name as people are shown it."""
        return f"{self.training[:SHORT]}-{self.number}"

    @property
    def is_open(self) -> bool:
        """Whether nobody has seen its end."""
        return self.status == "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """An object that could not be read.

    Attributes:
        object_uri: Which.
        folder_uri: The folder of its training; empty for an entry of the journal.
        number: The attempt that it belongs to; 0 for an entry of the journal.
        reason: Why not.
    """

    object_uri: str
    folder_uri: str = ""
    number: int = 0
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRead:
    """What was read of an attempt.

    Attributes:
        attempt: None if nothing is known of it, since its claim cannot be read.
        entry_uri: The entry of the journal that named it, if one did.
        events: By the names of their objects.
        curves: What it reported of its epochs; None unless it has succeeded.
        unreadable: What could not be read.
    """

    attempt: AttemptRecord | None
    entry_uri: str = ""
    curves: Curves | None = None
    events: Mapping[str, Event] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
