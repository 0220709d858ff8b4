"""The cluster of an open attempt: whether it is there, gone, or cannot be seen from here."""

from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.ladder import Action
from ml_platform.errors import (
    ClusterLeftError,
    ClusterLostError,
    ClusterStartError,
    ModelSpecError,
    OutOfMemoryError,
    TrainingTimeoutError,
)
from ml_platform.training.attempts import WATCH_S
from ml_platform.training.checkpoints import write_checkpoint
from ml_platform.training.record import (
    Attempt,
    Started,
    TrainingRecord,
)
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.training.driver_acts import (
    NO_ROOM,
    NO_SETUP,
    cannot_be_started,
    dies,
    drivers,
    is_never_started,
    result_of,
    succeeds,
    succeeds_and_dies_before_the_result,
    trains_on,
)
from tests.unit.training.one_head import (
    LIMIT_S,
    NO_IMAGE,
    OneHead,
    Step,
    causes,
    claim_of,
    claimed,
    ended,
    running_on,
)


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


@pytest.mark.parametrize(
    ("cause", "error"),
    [(Cause.OUT_OF_MEMORY, OutOfMemoryError), (Cause.NODE_LOST, ClusterLostError)],
)
def test_a_cluster_that_does_not_start_is_put_down_to_what_kept_it_and_where(
    step: Step, head: OneHead, cause: Cause, error: type[Exception]
) -> None:
    head.fails_to_start = 9
    head.fails_by = NO_IMAGE.model_copy(update={"cause": cause, "place": Place(kind="head")})
    with pytest.raises(error, match="no image of that name"):
        step.train()
    failure = ended(step.record.attempt(1)).failure
    assert failure is not None
    assert (failure.cause, failure.place) == (cause, Place(kind="head"))


def test_a_cluster_that_cannot_be_made_of_what_was_asked_for_is_not_tried_again(
    step: Step, head: OneHead
) -> None:
    head.fails_to_start = 9
    head.fails_by = NO_IMAGE.model_copy(update={"cause": Cause.BAD_INPUT})
    with pytest.raises(ModelSpecError, match="no image of that name"):
        step.train()
    assert causes(step) == [Cause.BAD_INPUT]


def test_a_job_that_its_head_never_starts_is_stopped_and_tried_once_more(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, is_never_started, succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.START_FAILED, None]
    assert server.jobs[step.wanted.job_key().submission_id(1)].statuses == ["STOPPED"]
    assert head.stopped == []


def test_a_job_that_is_never_started_is_named_with_what_ray_says_of_it(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, is_never_started))
    with pytest.raises(ClusterStartError, match="was not started within 20 s") as raised:
        step.train()
    assert NO_ROOM in raised.value.message
    assert "job_start" in raised.value.hint
    failure = ended(step.record.attempt(1)).failure
    assert failure is not None
    assert (failure.place.kind, failure.evidence) == ("driver", (NO_ROOM,))


def test_a_job_that_was_not_started_and_cannot_be_stopped_ends_with_its_cluster(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    server.stop_status = "PENDING"
    server.driven_by(drivers(step.record, is_never_started, succeeds))
    assert step.train().result.attempt == 2
    assert head.stopped == [claim_of(step.record.attempt(1)).cluster]


def test_a_job_that_ray_cannot_start_is_tried_once_more_and_then_named_in_its_words(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, cannot_be_started))
    with pytest.raises(ClusterStartError, match="could not start the job") as raised:
        step.train()
    assert NO_SETUP in raised.value.message
    assert causes(step) == [Cause.START_FAILED] * 2


def test_a_job_over_its_limit_that_cannot_be_stopped_ends_with_its_cluster(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime
) -> None:
    server.stop_status = "RUNNING"
    server.driven_by(drivers(step.record, trains_on(5, time=time)))
    step.seconds_per_line = LIMIT_S
    with pytest.raises(TrainingTimeoutError):
        step.train()
    assert causes(step) == [Cause.OVER_LIMIT]
    assert head.stopped == [claim_of(step.record.attempt(1)).cluster]


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


def test_a_cluster_that_is_not_given_back_fails_the_step_and_the_next_finds_the_model(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    head.cannot_be_given_back = True
    server.driven_by(drivers(step.record, succeeds))
    with pytest.raises(ClusterLeftError):
        step.train()
    again = step.train()
    assert again.reused
    assert again.result.attempt == 1
    assert causes(step) == [None]


def test_a_failed_attempt_is_followed_by_another_though_its_cluster_was_not_given_back(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    def dies_there(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        head.cannot_be_given_back = attempt.number == 1
        return dies(record, attempt)

    def succeeds_elsewhere(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        head.cannot_be_given_back = False
        return succeeds(record, attempt)

    server.driven_by(drivers(step.record, dies_there, succeeds_elsewhere))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.WORKER_LOST, None]
