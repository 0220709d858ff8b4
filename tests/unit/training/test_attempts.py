"""The loop over a training's attempts: whoever comes, and whatever is there, it is trained once."""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.ladder import Action
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.errors import (
    ClusterStartError,
    TrainingStoppedError,
    TrainingTimeoutError,
    UserCodeError,
    WorkerDiedError,
)
from ml_platform.training.attempts import WATCH_S
from ml_platform.training.checkpoints import write_checkpoint
from ml_platform.training.record import (
    Attempt,
    Claim,
    Ended,
    Owner,
    Ready,
    Started,
    TrainingRecord,
)
from ml_platform.training.request import TrainingRequest
from ml_platform.training.result import DriverOutcome
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.training.one_head import (
    OneHead,
    Step,
    dies,
    dies_after,
    drivers,
    failure_of,
    leave_checkpoint,
    result_of,
    says,
    succeeds,
    succeeds_and_dies_before_the_result,
    trains_on,
    wanted_in,
)


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def head(server: RayJobsServer) -> OneHead:
    return OneHead(server)


@pytest.fixture
def step(head: OneHead, time: FakeTime, tmp_path: Path) -> Step:
    return Step(wanted=wanted_in(tmp_path), provisioner=head, time=time)


@pytest.fixture
def first(step: Step) -> Attempt:
    """The attempt that another step has claimed, and of which nothing was made yet."""
    return claimed(step)


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


# What is there is gone on with.


def test_a_running_job_of_a_step_that_was_killed_is_followed_and_not_submitted_again(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, succeeds(step.record, first))
    step.record.folder.remove("result.json")  # it has not ended yet
    trained = step.train()
    assert (trained.adopted, trained.result.attempt) == (True, 1)
    assert server.submitted == []
    assert [one.number for one in step.record.attempts()] == [1]


def test_an_attempt_that_was_claimed_and_never_made_is_made_under_the_same_names(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    assert step.train().result.attempt == 1
    assert [one.name for one in head.acquired] == [claim_of(first).cluster]
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


# The cluster of an open attempt.


def test_an_attempt_whose_head_is_gone_is_closed_and_the_next_goes_to_a_new_one(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, dies(step.record, first))
    head.lose()
    server.driven_by(drivers(step.record, dies, succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.HEAD_LOST, None]
    assert [one.action for one in step.decisions] == [Action.EVICT]
    assert head.cleared == [claim_of(first).cluster]


def test_an_attempt_that_ended_while_nobody_looked_ran_until_its_last_checkpoint(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt, tmp_path: Path
) -> None:
    running_on(head, server, first, dies(step.record, first))
    first.note_started(Started(at_s=time.now))
    (tmp_path / "files").mkdir()
    write_checkpoint(
        step.record.folder,
        attempt=1,
        epoch=3,
        finished=False,
        source=tmp_path / "files",
        now=lambda: time.now + 100,
    )
    head.lose()
    time.now += 5 * 3600
    server.driven_by(drivers(step.record, dies, succeeds))
    assert step.train().result.attempt == 2
    assert ended(first).ran_s == pytest.approx(100)


def test_a_head_that_took_the_place_of_the_attempts_own_is_not_given_its_job(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, dies(step.record, first))
    head.replace()
    server.driven_by(drivers(step.record, dies, succeeds))
    assert step.train().result.attempt == 2
    assert causes(step)[0] is Cause.HEAD_LOST
    assert [body["submission_id"] for body in server.submitted] == [
        step.wanted.job_key().submission_id(2)
    ]


def test_a_cluster_that_cannot_be_seen_is_not_taken_for_gone(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, succeeds_and_dies_before_the_result(step.record, first))
    head.phase = "unknown"
    assert step.train().result.attempt == 1
    assert causes(step) == [None]


def test_a_head_that_is_lost_in_mid_training_is_replaced(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    def lose_it(line: str) -> None:
        if len(step.record.attempts()) == 1:
            head.lose()

    server.driven_by(drivers(step.record, trains_on(5, time=time), succeeds))
    assert step.train(on_line=lose_it).result.attempt == 2
    assert causes(step) == [Cause.HEAD_LOST, None]
    assert head.lives == 2


def test_a_cluster_that_does_not_start_is_waited_for_and_tried_once_more(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    head.fails_to_start = 1
    server.driven_by(drivers(step.record, succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.START_FAILED, None]
    assert [(one.action, one.pause_s) for one in step.decisions] == [(Action.WAIT, 5)]
    assert time.now >= 1005


def test_a_cluster_that_never_starts_is_named_with_its_reason(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    head.fails_to_start = 9
    with pytest.raises(ClusterStartError, match="no image of that name") as raised:
        step.train()
    assert raised.value.hint == "write another"
    assert causes(step) == [Cause.START_FAILED] * 2
    assert server.submitted == []


# What next.


def test_a_driver_that_was_killed_is_followed_by_the_next_attempt(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, dies_after(3), succeeds))
    trained = step.train()
    assert (trained.result.attempt, trained.adopted) == (2, False)
    assert causes(step) == [Cause.WORKER_LOST, None]
    assert [one.action for one in step.decisions] == [Action.REATTEMPT]


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


# Interrupts.


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


def test_a_job_that_succeeded_without_a_result_is_a_matter_of_the_storage(
    step: Step, head: OneHead, server: RayJobsServer, first: Attempt
) -> None:
    running_on(head, server, first, ScriptedJob(statuses=["SUCCEEDED"]))
    server.driven_by(drivers(step.record, dies, succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.STORAGE, None]


# Attempts whose cluster cannot be seen from here.


@pytest.fixture
def elsewhere(step: Step, server: RayJobsServer) -> Attempt:
    """An attempt on the Ray of another machine, which lets a job live for 100 s without anybody."""
    step.provisioner = OneHead(server, abandoned_after_s=100)
    return claimed(step, place="another machine")


class BeatingTime(FakeTime):
    """While somebody sleeps, the follower elsewhere shows that it lives; in the end it is done."""

    def __init__(self, record: TrainingRecord, attempt: Attempt, *, beats: int) -> None:
        super().__init__()
        self._record = record
        self._attempt = attempt
        self._left = beats

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._left -= 1
        self._attempt.beat(f"another {self._left}".encode())
        if self._left == 0:
            self._record.commit(result_of(self._attempt))


def test_an_attempt_elsewhere_is_waited_for_as_long_as_its_follower_lives(
    step: Step, elsewhere: Attempt
) -> None:
    step.time = BeatingTime(step.record, elsewhere, beats=50)
    assert step.train().result == result_of(elsewhere)
    assert step.time.now == 1000 + 50 * WATCH_S
    assert step.provisioner.acquired == []
    assert [(one.name, one.state) for one in step.events] == [("watching", "began")]


def test_an_attempt_elsewhere_whose_follower_has_gone_silent_is_closed_after_its_grace(
    step: Step, elsewhere: Attempt, server: RayJobsServer, time: FakeTime
) -> None:
    server.driven_by(drivers(step.record, dies, succeeds))
    elsewhere.beat(b"the last")
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.HEAD_LOST, None]
    assert 1100 <= time.now <= 1100 + 2 * WATCH_S
    message = step.failed[0].ended.failure
    assert message is not None
    assert "nobody on another machine has followed it for 100 s" in message.message


def test_a_follower_shows_that_it_lives_where_others_cannot_see_its_cluster(
    step: Step, server: RayJobsServer
) -> None:
    step.provisioner = OneHead(server, abandoned_after_s=100)
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    assert step.record.attempt(1).heartbeat()


def wanted_like(step: Step, **training: int) -> TrainingRequest:
    spec = step.wanted.training.model_copy(update=training)
    return step.wanted.model_copy(update={"training": spec})
