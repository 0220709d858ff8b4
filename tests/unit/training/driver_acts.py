"""What drivers leave in their training's folder, and how their jobs look on a head."""

import time as real_time
from collections.abc import Callable
from typing import Any, Final

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.storage import Folder
from ml_platform.training.checkpoints import write_checkpoint
from ml_platform.training.record import (
    Attempt,
    Started,
    TrainingRecord,
)
from ml_platform.training.result import DriverOutcome, TrainingResult
from tests.support.trainings import TROUBLED
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import ScriptedJob

NO_ROOM: Final = "Job has not started yet. It may be waiting for resources"
NO_SETUP: Final = "runtime_env setup failed: no space left on device"

Act = Callable[[TrainingRecord, Attempt], ScriptedJob]
"""What a driver leaves in its training's folder, and how its job looks on the head."""


def drivers(record: TrainingRecord, *acts: Act) -> Callable[[dict[str, Any]], ScriptedJob]:
    """The drivers of attempts 1, 2, …; what the last does, all later do."""

    def drive(body: dict[str, Any]) -> ScriptedJob:
        number = int(body["entrypoint"].split()[-1])
        return acts[min(number, len(acts)) - 1](record, record.attempt(number))

    return drive


def result_of(attempt: Attempt) -> TrainingResult:
    return TrainingResult(inputs_hash="abc", attempt=attempt.number, model_uri="file:///model")


def is_never_started(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
    """Ray takes the job and has nowhere to run its driver."""
    return ScriptedJob(statuses=["PENDING"], message=NO_ROOM)


def cannot_be_started(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
    """Ray cannot make what its driver is to run in."""
    return ScriptedJob(
        statuses=["PENDING", "FAILED"], message=NO_SETUP, error_type="RUNTIME_ENV_SETUP_FAILURE"
    )


def succeeds(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
    job = succeeds_and_dies_before_the_result(record, attempt)
    record.commit(result_of(attempt))
    return job


def succeeds_and_dies_before_the_result(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
    attempt.note_outcome(DriverOutcome(result=result_of(attempt)))
    return ScriptedJob(statuses=["RUNNING"], log="epoch 0\n")


def says(cause: Cause, *, traceback: str = "") -> Act:
    """Ends by a failure of this cause, in its own words."""

    def act(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        attempt.note_outcome(DriverOutcome(failure=failure_of(cause, traceback=traceback)))
        return ScriptedJob(statuses=["RUNNING"], log="epoch 0\nit broke\n", ends_as="FAILED")

    return act


def failure_of(cause: Cause, *, traceback: str = "") -> Failure:
    return Failure(
        cause=cause,
        place=Place(kind="worker", name="rank 0"),
        message=f"it broke by {cause.value}",
        hint="mend it",
        traceback=traceback,
    )


def dies(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
    """The driver is killed and leaves no word."""
    return ScriptedJob(
        statuses=["RUNNING"], log="epoch 0\n", ends_as="FAILED", message="exit code -9"
    )


def dies_after(epoch: int, *, restarts: int = 0) -> Act:
    """Leaves a checkpoint first, after so many starts of its workers."""

    def act(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        for number in range(restarts):
            attempt.note_restart(number + 1)
        leave_checkpoint(record.folder, attempt.number, epoch)
        return dies(record, attempt)

    return act


def leave_checkpoint(
    training: Folder, attempt: int, epoch: int, *, at_s: float | None = None
) -> None:
    write_checkpoint(
        training,
        attempt=attempt,
        epoch=epoch,
        finished=False,
        source=TROUBLED,  # any files
        now=real_time.time if at_s is None else lambda: at_s,
    )


def trains_on(lines: int, *, time: FakeTime) -> Act:
    """Began now, writes some lines, and goes on for ever."""

    def act(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        attempt.note_started(Started(at_s=time.now))
        return ScriptedJob(
            statuses=["RUNNING"], log="epoch\n" * lines, hangs=True, ends_as="RUNNING"
        )

    return act


def falls_silent(
    *, time: FakeTime, stuck: str = "", checkpoint_after_s: float | None = None
) -> Act:
    """Began now, says one line, and hangs."""

    def act(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        attempt.note_started(Started(at_s=time.now))
        attempt.note_stuck(stuck)
        if checkpoint_after_s is not None:
            written_at_s = time.now + checkpoint_after_s
            leave_checkpoint(record.folder, attempt.number, 1, at_s=written_at_s)
        return ScriptedJob(statuses=["RUNNING"], log="epoch 0\n", ends_as="RUNNING")

    return act
