"""What follows an attempt that has failed, and its budgets."""

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.ladder import Action
from ml_platform.errors import (
    BudgetError,
    TrainingTimeoutError,
    UserCodeError,
    WorkerDiedError,
)
from ml_platform.training.record import (
    Attempt,
    Owner,
    TrainingRecord,
)
from ml_platform.training.request import TrainingRequest
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.training.driver_acts import (
    dies,
    dies_after,
    drivers,
    failure_of,
    leave_checkpoint,
    says,
    succeeds,
    trains_on,
)
from tests.unit.training.one_head import OneHead, Step, causes, claim_of, ended, wanted_like


def test_a_driver_that_was_killed_is_followed_by_the_next_attempt(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, dies_after(3), succeeds))
    trained = step.train()
    assert (trained.result.attempt, trained.adopted) == (2, False)
    assert causes(step) == [Cause.WORKER_LOST, None]
    assert [one.action for one in step.decisions] == [Action.REATTEMPT]


def test_an_attempt_that_may_not_begin_is_claimed_by_nobody_and_has_no_cluster(
    step: Step, server: RayJobsServer
) -> None:
    def spent(request: TrainingRequest, owner: Owner) -> tuple[str, ...]:
        raise BudgetError(f"{owner.root} has spent its budget for {request.model}")

    step.allowance = spent
    with pytest.raises(BudgetError, match="root has spent its budget for flight_delay"):
        step.train()
    assert (step.record.attempts(), step.provisioner.acquired, server.submitted) == ([], [], [])


def test_each_attempt_is_asked_for_and_what_is_told_of_it_is_passed_on(
    step: Step, server: RayJobsServer
) -> None:
    step.allowance = lambda request, owner: (f"nearly spent by {owner.run}",)
    server.driven_by(drivers(step.record, dies_after(3), succeeds))
    assert step.train().result.attempt == 2
    assert step.warnings == ["nearly spent by run of root"] * 2


def test_a_failed_attempt_keeps_how_it_ended_what_it_went_through_and_its_last_lines(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, says(Cause.USER_CODE)))
    with pytest.raises(UserCodeError):
        step.train()
    found = ended(step.record.attempt(1))
    assert found.failure == failure_of(Cause.USER_CODE)
    assert found.log_tail == ("epoch 0", "it broke")
    assert [one.name for one in found.phases] == ["cluster", "submit", "pending", "running"]
    assert [report.ended for report in step.failed] == [found]


def test_each_attempts_events_are_kept_in_its_folder_with_begin_and_end(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    kept = step.record.attempt(1).folder.names("events")
    assert len(kept) == len(step.events) == 8
    assert kept[0].endswith("-cluster-began.json")


def test_three_attempts_without_a_newer_checkpoint_end_it(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, dies))
    step.wanted = wanted_like(step, worker_retries=9)
    with pytest.raises(WorkerDiedError):
        step.train()
    assert causes(step) == [Cause.WORKER_LOST] * 3
    assert step.decisions[-1].reason == "3 attempts in a row left no newer checkpoint"


def test_attempts_that_come_further_each_time_end_by_their_budget(
    step: Step, server: RayJobsServer
) -> None:
    step.wanted = wanted_like(step, worker_retries=4)
    server.driven_by(drivers(step.record, *(dies_after(epoch) for epoch in range(9))))
    with pytest.raises(WorkerDiedError):
        step.train()
    assert len(step.record.attempts()) == 5
    assert all(ended(one).progressed for one in step.record.attempts())


def test_restarts_inside_the_job_spend_from_the_budget_of_attempts(
    step: Step, server: RayJobsServer
) -> None:
    step.wanted = wanted_like(step, worker_retries=3)
    server.driven_by(drivers(step.record, dies_after(1, restarts=1), succeeds))
    step.train()
    one, two = step.record.attempts()
    assert (claim_of(one).worker_restarts, ended(one).worker_restarts) == (3, 1)
    assert claim_of(two).worker_restarts == 1


def test_only_a_checkpoint_of_its_own_is_an_attempts_progress(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, dies_after(5), dies_after(3), succeeds))
    step.train()
    one, two, _ = step.record.attempts()
    assert (ended(one).progressed, ended(two).progressed) == (True, False)
    checkpoint = ended(two).checkpoint
    assert checkpoint is not None
    assert (checkpoint.attempt, checkpoint.epoch) == (1, 5)


def test_a_retry_of_a_run_goes_on_with_its_budgets_and_a_person_begins_anew(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    server.driven_by(drivers(step.record, *[says(Cause.WORKER_LOST)] * 6, succeeds))
    with pytest.raises(WorkerDiedError):
        step.train()
    count = len(step.record.attempts())
    retry = Step(wanted=step.wanted, provisioner=head, time=time, root="root")
    with pytest.raises(WorkerDiedError):
        retry.train()
    assert len(step.record.attempts()) == count
    person = Step(wanted=step.wanted, provisioner=head, time=time, root="of a person")
    with pytest.raises(WorkerDiedError):
        person.train()
    assert len(step.record.attempts()) == 2 * count


def test_the_limit_counts_the_running_time_of_all_attempts_of_a_root(
    step: Step, server: RayJobsServer, time: FakeTime
) -> None:
    def runs_for_100_s_and_dies(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        job = trains_on(1, time=time)(record, attempt)
        leave_checkpoint(record.folder, attempt.number, 1)
        time.sleep(100)
        job.hangs, job.ends_as = False, "FAILED"
        return job

    server.driven_by(drivers(step.record, runs_for_100_s_and_dies, trains_on(9, time=time)))
    step.seconds_per_line = 15
    with pytest.raises(TrainingTimeoutError):
        step.train()
    one, two = step.record.attempts()
    assert ended(one).ran_s == pytest.approx(115)
    assert causes(step) == [Cause.WORKER_LOST, Cause.OVER_LIMIT]
    assert ended(two).ran_s < 60


def test_waiting_for_a_cluster_is_not_running(
    step: Step, server: RayJobsServer, time: FakeTime
) -> None:
    def waits_for_an_hour(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        job = succeeds(record, attempt)
        job.statuses = ["PENDING"] * 20 + ["RUNNING"]
        return job

    server.driven_by(drivers(step.record, waits_for_an_hour))
    step.wanted = wanted_like(step, max_runtime_s=60)
    time.sleep(3600)
    assert step.train().result.attempt == 1
