"""The loop over the attempts of a training: what is there is gone on with, and trained once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.errors import (
    BudgetError,
    TrainingStoppedError,
)
from ml_platform.training.record import (
    Attempt,
    Ended,
    Owner,
    TrainingRecord,
)
from ml_platform.training.request import TrainingRequest
from ml_platform.training.result import DriverOutcome
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.training.driver_acts import (
    dies,
    drivers,
    failure_of,
    result_of,
    succeeds,
    succeeds_and_dies_before_the_result,
    trains_on,
)
from tests.unit.training.one_head import OneHead, Step, causes, claim_of, ended, running_on


def test_a_running_job_of_a_step_that_was_killed_is_followed_and_not_submitted_again(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, succeeds(step.record, first))
    step.record.folder.remove("result.json")  # it has not ended yet
    trained = step.train()
    assert (trained.adopted, trained.result.attempt) == (True, 1)
    assert server.submitted == []
    assert [one.number for one in step.record.attempts()] == [1]


def test_an_attempt_that_runs_is_followed_whatever_was_spent_meanwhile(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    def spent(request: TrainingRequest, owner: Owner) -> tuple[str, ...]:
        raise BudgetError("all is spent")

    running_on(head, server, first, succeeds(step.record, first))
    step.record.folder.remove("result.json")  # it has not ended yet
    step.allowance = spent
    assert step.train().adopted


def test_an_attempt_that_was_claimed_and_never_made_is_made_under_the_same_names(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    assert step.train().result.attempt == 1
    assert [one.name for one in head.acquired] == [claim_of(first).cluster]
    assert [one.work_s for one in head.acquired] == [step.wanted.training.max_runtime_s]
    assert list(server.jobs) == [claim_of(first).submission_id]


def test_an_attempt_that_was_never_made_is_not_made_when_another_cluster_is_asked_for(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    step.wanted = step.wanted.model_copy(
        update={"cluster": ClusterSpec(workers=WorkerGroup(memory="8Gi"))}
    )
    assert step.train().result.attempt == 2
    assert ended(first).status == "superseded"
    assert [one.spec for one in head.acquired] == [step.wanted.cluster]


def test_an_attempt_that_was_never_made_is_made_when_the_same_cluster_is_written_otherwise(
    step: Step, server: RayJobsServer, first: Attempt
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    step.wanted = step.wanted.model_copy(
        update={"cluster": ClusterSpec(workers=step.wanted.cluster.groups)}
    )
    assert step.train().result.attempt == 1


def test_a_running_attempt_goes_on_with_its_own_cluster_when_another_is_asked_for(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, succeeds_and_dies_before_the_result(step.record, first))
    step.wanted = step.wanted.model_copy(
        update={"cluster": ClusterSpec(workers=WorkerGroup(memory="8Gi"))}
    )
    assert step.train().result.attempt == 1
    assert [one.spec for one in head.acquired] == [claim_of(first).spec]
    assert server.submitted == []


def test_a_success_whose_result_was_never_committed_is_committed(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    job = succeeds_and_dies_before_the_result(step.record, first)
    job.statuses = ["SUCCEEDED"]
    running_on(head, server, first, job)
    assert step.train().result == result_of(first)
    assert ended(first).status == "succeeded"


def test_a_driver_that_died_after_its_outcome_has_left_a_model_all_the_same(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    succeeds_and_dies_before_the_result(step.record, first)
    running_on(head, server, first, dies(step.record, first))
    assert step.train().result == result_of(first)


def test_a_model_of_an_attempt_whose_head_is_gone_is_not_trained_again(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, succeeds_and_dies_before_the_result(step.record, first))
    head.lose()
    assert step.train().result == result_of(first)
    assert head.acquired == []


def test_the_model_of_an_attempt_that_was_given_up_counts_no_more(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    first.close(
        Ended(
            status="failed",
            failure=failure_of(Cause.HEAD_LOST),
            ended_at_s=950,
            seen_by=Owner(run="of another", root="root"),
        )
    )
    first.note_outcome(DriverOutcome(result=result_of(first)))
    server.driven_by(drivers(step.record, dies, succeeds))
    assert step.train().result.attempt == 2


def test_two_who_come_at_once_train_once(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    meet = threading.Barrier(2)
    head.replace()
    head.phase = "ready"
    server.driven_by(drivers(step.record, succeeds_and_dies_before_the_result))

    def come(number: int) -> int:
        mine = Step(wanted=step.wanted, provisioner=head, time=time, root=f"root {number}")
        meet.wait(30)
        return mine.train().result.attempt

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(come, (1, 2))) == [1, 1]
    assert len(server.submitted) == 1
    assert [one.number for one in step.record.attempts()] == [1]


def test_an_interrupt_stops_the_job_and_closes_the_attempt_as_cancelled(
    step: Step, server: RayJobsServer, time: FakeTime
) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    server.driven_by(drivers(step.record, trains_on(3, time=time)))
    with pytest.raises(KeyboardInterrupt):
        step.train(on_line=interrupt)
    assert causes(step) == [Cause.CANCELLED]
    assert [job.statuses for job in server.jobs.values()] == [["STOPPED"]]


def test_whoever_materializes_after_an_interrupt_goes_on_with_the_next_attempt(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    server.driven_by(drivers(step.record, trains_on(3, time=time), succeeds))
    with pytest.raises(KeyboardInterrupt):
        step.train(on_line=interrupt)
    person = Step(wanted=step.wanted, provisioner=head, time=time, root="of a person")
    assert person.train().result.attempt == 2


def test_a_job_that_somebody_stopped_on_the_head_is_not_started_again(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, ScriptedJob(statuses=["STOPPED"]))
    with pytest.raises(TrainingStoppedError, match="was stopped before its end"):
        step.train()
    assert causes(step) == [Cause.CANCELLED]


def test_a_job_that_is_stopped_because_its_cluster_goes_is_tried_again_on_another(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    def is_stopped(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        return ScriptedJob(statuses=["RUNNING"], log="epoch 0\n", ends_as="STOPPED")

    def goes(line: str) -> None:
        del line
        if len(step.record.attempts()) == 1:
            head.phase = "lost"

    server.driven_by(drivers(step.record, is_stopped, succeeds))
    assert step.train(on_line=goes).result.attempt == 2
    assert causes(step) == [Cause.HEAD_LOST, None]


def test_a_job_that_succeeded_without_a_result_is_a_matter_of_the_storage(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, ScriptedJob(statuses=["SUCCEEDED"]))
    server.driven_by(drivers(step.record, dies, succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.STORAGE, None]
