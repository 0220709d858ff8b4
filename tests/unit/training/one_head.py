"""A provisioner whose only cluster is a double of a Ray head, and what drivers leave there."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.interface import (
    Cluster,
    ClusterPhase,
    ClusterRequest,
    ClusterView,
    HeadAddress,
    JobKey,
    JobRuntime,
    LastWords,
    Provisioner,
    Reaped,
    RunEnd,
)
from ml_platform.clusters.ladder import Decision
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import ClusterError, ClusterLeftError, ClusterStartError
from ml_platform.training.allowance import Allowance, unlimited
from ml_platform.training.attempts import AttemptLoop
from ml_platform.training.launch import Trained, train
from ml_platform.training.listeners import EndedReport, Listeners
from ml_platform.training.record import (
    Attempt,
    Claim,
    Ended,
    Owner,
    Ready,
    TrainingRecord,
)
from ml_platform.training.request import TrainingRequest, code_reference, code_version
from ml_platform.xray.records import Event, Recorder
from tests.support.lineages import lineage
from tests.support.trainings import TROUBLED
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer, ScriptedJob

LIMIT_S = 120
JOB_START_S: Final = 20.0
NO_IMAGE: Final = Failure(
    cause=Cause.START_FAILED,
    place=Place(kind="group", name="w"),
    message="no image of that name",
    hint="write another",
    evidence=("ErrImagePull",),
)


def wanted_in(storage: Path, **training: Any) -> TrainingRequest:
    """A training that may take two minutes."""
    request = lineage().request
    spec = request.training.model_copy(update={"max_runtime_s": LIMIT_S} | training)
    return request.model_copy(
        update={
            "storage_root": storage.as_uri(),
            "training": spec,
            "code": code_reference(TROUBLED),
            "code_version": code_version(TROUBLED),
        }
    )


class OneHead(Provisioner):
    """All clusters are one head; its state is what a test says.

    Attributes:
        phase: What it is found to be; once it is acquired it is ready.
        lives: How many heads there have been.
        acquired: What was asked for, oldest first.
        cleared: Names of which what was left was removed.
        stopped: Names of those that were made to end.
        fails_to_start: How many of the next acquisitions find no cluster.
        fails_by: What keeps each of these from starting.
        cannot_stop: Whether it withstands being stopped.
        cannot_clear: Why what it left cannot be removed.
        cannot_be_given_back: Whether it is there after the work all the same.
        words: What a cluster says last; one that does not start says only the logs.
    """

    kind = "one head"

    def __init__(
        self, server: RayJobsServer, *, place: str = "here", abandoned_after_s: float = math.inf
    ) -> None:
        self.phase: ClusterPhase = "absent"
        self.lives = 0
        self.acquired: list[ClusterRequest] = []
        self.cleared: list[str] = []
        self.stopped: list[str] = []
        self.fails_to_start = 0
        self.fails_by = NO_IMAGE
        self.cannot_stop = False
        self.cannot_clear: ClusterError | None = None
        self.cannot_be_given_back = False
        self.words = LastWords()
        self._server = server
        self._place = place
        self._abandoned_after_s = abandoned_after_s

    @property
    def place(self) -> str:
        return self._place

    @property
    def abandoned_after_s(self) -> float:
        return self._abandoned_after_s

    @property
    def incarnation(self) -> str:
        return f"life {self.lives}"

    def lose(self) -> None:
        """The head is gone, and with it all its jobs."""
        self.phase = "lost"
        self._server.failures = 10**6

    def replace(self) -> None:
        """Another head is there under the same name."""
        self.lives += 1
        self._server.failures = 0
        self._server.jobs.clear()

    def cluster_name(self, key: JobKey, attempt: int, spec: ClusterSpec) -> str:
        return f"{key.slug()}-{attempt}-{spec.spec_hash()}"

    @contextmanager
    def acquire(self, request: ClusterRequest, recorder: Recorder) -> Iterator[Cluster]:
        self.acquired.append(request)
        with recorder.phase("cluster"):
            if self.fails_to_start > 0:
                self.fails_to_start -= 1
                raise self.fails_by.to_start_error(request.name, logs=self.words.logs)
            if self.phase not in ("ready", "unknown"):
                self.replace()
                self.phase = "ready"
        mine = self.incarnation
        yield Cluster(
            name=request.name,
            head=HeadAddress(url=self._server.url, token=TOKEN),
            runtime=JobRuntime(),
            incarnation=mine,
            is_gone=lambda: self.phase == "lost" or self.incarnation != mine,
            last_words=lambda: self.words,
            job_start_s=JOB_START_S,
        )
        if self.cannot_be_given_back:
            raise ClusterLeftError("it is still there", hint="stop it")

    def look(self, name: str) -> ClusterView:
        return ClusterView(
            name=name, provisioner=self.kind, phase=self.phase, incarnation=self.incarnation
        )

    def inventory(self) -> list[ClusterView]:
        return []

    def clear(self, name: str) -> None:
        if self.cannot_clear is not None:
            raise self.cannot_clear
        self.cleared.append(name)

    def stop(self, name: str) -> None:
        if self.cannot_stop:
            raise ClusterStartError("a process cannot be stopped", hint="end it by hand")
        self.stopped.append(name)
        self.phase = "absent"
        self._server.failures = 0
        self._server.jobs.clear()

    def reap(self, run_ended_s: RunEnd, *, dry_run: bool) -> Iterator[Reaped]:
        del run_ended_s, dry_run
        return iter(())

    def shutdown(self) -> None:
        pass


@dataclass(kw_only=True)
class Step:
    """A step that asks for a training; one that a person started, or a retry, by its root."""

    wanted: TrainingRequest
    provisioner: OneHead
    time: FakeTime
    root: str = "root"
    allowance: Allowance = unlimited
    seconds_per_line: float = 0.0
    lines: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    failed: list[EndedReport] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def record(self) -> TrainingRecord:
        return TrainingRecord(self.wanted.folder_uri)

    def train(self, *, on_line: Callable[[str], None] | None = None) -> Trained:
        return train(
            self.wanted,
            lambda spec: self.provisioner,
            owner=Owner(run=f"run of {self.root}", root=self.root),
            allowance=self.allowance,
            listeners=Listeners(
                on_log=on_line or self._hear,
                on_warning=self.warnings.append,
                on_event=self.events.append,
                on_attempt=self.failed.append,
                on_decision=self.decisions.append,
            ),
            loop=partial(
                AttemptLoop, now=self.time.clock, clock=self.time.clock, sleep=self.time.sleep
            ),
        )

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        self.time.sleep(self.seconds_per_line)


def claimed(step: Step, *, place: str = "here", root: str = "root") -> Attempt:
    key, spec = step.wanted.job_key(), step.wanted.cluster
    grace = step.provisioner.abandoned_after_s
    claim = Claim(
        number=1,
        owner=Owner(run="run of another", root=root),
        provisioner=OneHead.kind,
        place=place,
        abandoned_after_s=None if math.isinf(grace) else grace,
        cluster=step.provisioner.cluster_name(key, 1, spec),
        spec=spec,
        training=step.wanted.training,
        submission_id=key.submission_id(1),
        worker_restarts=2,
        claimed_at_s=900,
        nonce="of another",
    )
    assert step.record.claim(claim)
    return step.record.attempt(1)


def running_on(head: OneHead, server: RayJobsServer, first: Attempt, job: ScriptedJob) -> None:
    """The attempt's head is up, and so is its job."""
    head.replace()
    head.phase = "ready"
    first.note_ready(Ready(incarnation=head.incarnation, at_s=900))
    claim = first.claim()
    assert claim is not None
    server.jobs[claim.submission_id] = job


def causes(step: Step) -> list[Cause | None]:
    """Why each attempt ended; None for one that left the model."""
    ended = [one.ended() for one in step.record.attempts()]
    return [one.failure.cause if one and one.failure else None for one in ended]


def ended(attempt: Attempt) -> Ended:
    found = attempt.ended()
    assert found is not None
    return found


def claim_of(attempt: Attempt) -> Claim:
    found = attempt.claim()
    assert found is not None
    return found


def wanted_like(step: Step, **training: int) -> TrainingRequest:
    spec = step.wanted.training.model_copy(update=training)
    return step.wanted.model_copy(update={"training": spec})
