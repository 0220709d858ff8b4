"""What a cluster says last names the cause of an attempt's end, and stays in its folder."""

import pytest

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.interface import LastWords
from ml_platform.errors import (
    ClusterStartError,
    OutOfMemoryError,
    TrainingTimeoutError,
    UserCodeError,
)
from ml_platform.training import endings
from ml_platform.training.record import LOGS_FOLDER, Attempt, TrainingRecord
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.training.driver_acts import dies, drivers, failure_of, says, succeeds, trains_on
from tests.unit.training.one_head import OneHead, Step, causes, ended

LOGS = {"c-w-abcde.ray-worker": ("a line", "the last one")}


def blamed(cause: Cause, place: Place) -> Failure:
    return Failure(
        cause=cause,
        place=place,
        message="It went over its memory limit and was killed.",
        hint="Give it more.",
        evidence=("OOMKilled, exit code 137",),
    )


WORKER = blamed(Cause.OUT_OF_MEMORY, Place(kind="group", name="w"))
HEAD = blamed(Cause.OUT_OF_MEMORY, Place(kind="head"))


def kept(attempt: Attempt) -> dict[str, str]:
    names = attempt.folder.names(LOGS_FOLDER)
    return {name: attempt.folder.read(f"{LOGS_FOLDER}/{name}").decode() for name in names}


def test_a_driver_that_died_with_a_worker_is_out_of_memory_where_its_cluster_says_so(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    head.words = LastWords(failure=WORKER, logs=LOGS)
    server.driven_by(drivers(step.record, dies))
    with pytest.raises(OutOfMemoryError):
        step.train()
    failure = ended(step.record.attempt(1)).failure
    assert failure is not None
    assert (failure.cause, failure.place) == (Cause.OUT_OF_MEMORY, WORKER.place)
    assert failure.evidence[0] == "OOMKilled, exit code 137"
    assert "exit code -9" in failure.evidence[1]


def test_the_last_lines_are_in_the_attempts_folder_and_in_the_report(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    head.words = LastWords(logs=LOGS)
    server.driven_by(drivers(step.record, dies, succeeds))
    step.train()
    assert kept(step.record.attempt(1)) == {"c-w-abcde.ray-worker.log": "a line\nthe last one\n"}
    assert [report.logs for report in step.failed] == [LOGS]
    assert kept(step.record.attempt(2)) == {}


def test_user_code_is_to_blame_for_its_own_error_whatever_its_cluster_says(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    head.words = LastWords(failure=WORKER)
    server.driven_by(drivers(step.record, says(Cause.USER_CODE)))
    with pytest.raises(UserCodeError):
        step.train()
    assert causes(step) == [Cause.USER_CODE]


def test_a_head_that_is_lost_is_lost_for_what_its_cluster_says(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    def lose_it(line: str) -> None:
        if len(step.record.attempts()) == 1:
            head.words = LastWords(failure=HEAD, logs=LOGS)
            head.lose()

    server.driven_by(drivers(step.record, trains_on(5, time=time), succeeds))
    assert step.train(on_line=lose_it).result.attempt == 2
    assert causes(step) == [Cause.OUT_OF_MEMORY, None]
    assert list(kept(step.record.attempt(1))) == ["c-w-abcde.ray-worker.log"]


def test_a_training_that_is_overdue_keeps_what_its_cluster_said_and_its_own_cause(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    head.words = LastWords(failure=WORKER, logs=LOGS)
    step.seconds_per_line = 50
    server.driven_by(drivers(step.record, trains_on(5, time=time)))
    with pytest.raises(TrainingTimeoutError):
        step.train()
    assert causes(step) == [Cause.OVER_LIMIT]
    assert list(kept(step.record.attempt(1))) == ["c-w-abcde.ray-worker.log"]


def test_a_cluster_that_does_not_start_leaves_its_logs_and_its_evidence(
    step: Step, head: OneHead
) -> None:
    head.words = LastWords(logs=LOGS)
    head.fails_to_start = 9
    with pytest.raises(ClusterStartError):
        step.train()
    failure = ended(step.record.attempt(1)).failure
    assert failure is not None
    assert failure.evidence == ("ErrImagePull",)
    assert list(kept(step.record.attempt(1))) == ["c-w-abcde.ray-worker.log"]


def test_logs_that_cannot_be_kept_change_nothing(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    head.words = LastWords(failure=WORKER, logs=LOGS)
    server.driven_by(drivers(step.record, blocks_its_logs, succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.OUT_OF_MEMORY, None]
    assert any("cannot be kept" in line for line in step.lines)


def blocks_its_logs(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
    attempt.folder.write(LOGS_FOLDER, b"a file where the folder would be")
    return dies(record, attempt)


@pytest.mark.parametrize("cause", [Cause.WORKER_LOST, Cause.NODE_LOST, Cause.HEAD_LOST])
def test_a_lost_part_is_named_by_what_its_cluster_knows(cause: Cause) -> None:
    assert endings.named(failure_of(cause), HEAD).cause is Cause.OUT_OF_MEMORY


def test_a_worker_that_died_does_not_make_a_head_silent() -> None:
    lost = failure_of(Cause.HEAD_LOST)
    assert endings.named(lost, WORKER) == lost


@pytest.mark.parametrize("cause", [Cause.NO_PROGRESS, Cause.OVER_LIMIT])
def test_one_that_took_too_long_may_have_waited_for_a_worker_that_was_lost(cause: Cause) -> None:
    late = failure_of(cause)
    named = endings.named(late, WORKER)
    assert (named.cause, named.message) == (cause, late.message)
    assert named.evidence[-2:] == (WORKER.message, *WORKER.evidence)
    assert endings.named(late, HEAD) == late
