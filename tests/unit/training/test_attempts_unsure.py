"""What is seen may be old, and what is silent may live: no second driver beside the first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.interface import Cluster, ClusterRequest
from ml_platform.errors import ClusterLeftError, ClusterLostError, ClusterStartError
from ml_platform.training.attempts import AttemptLoop
from ml_platform.training.listeners import Listeners
from ml_platform.training.record import Attempt, Ended, Owner, TrainingRecord
from ml_platform.training.result import TrainingResult
from ml_platform.xray.records import Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer
from tests.unit.training.driver_acts import (
    drivers,
    result_of,
    succeeds,
    succeeds_and_dies_before_the_result,
    trains_on,
)
from tests.unit.training.one_head import OneHead, Step, causes, claim_of, ended, running_on

US = Owner(run="run", root="root")


class SucceedsAfterALook(TrainingRecord):
    """As soon as somebody has looked for a result, the driver commits one, and all is closed."""

    looks = 0

    def result(self) -> TrainingResult | None:
        found = super().result()
        self.looks += 1
        if self.looks == 1:
            first = self.attempt(1)
            self.commit(result_of(first))
            first.close(Ended(status="succeeded", ended_at_s=950, seen_by=US))
        return found


class CommitsMeanwhile(OneHead):
    """While its cluster is acquired, the driver of an attempt that was given up commits."""

    meanwhile: Callable[[], object]

    @contextmanager
    def acquire(self, request: ClusterRequest, recorder: Recorder) -> Iterator[Cluster]:
        with super().acquire(request, recorder) as cluster:
            self.meanwhile()
            yield cluster


def test_an_attempt_that_succeeds_between_two_looks_is_not_followed_by_another(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt
) -> None:
    running_on(head, server, first, succeeds_and_dies_before_the_result(step.record, first))
    record = SucceedsAfterALook(step.wanted.folder_uri)
    loop = AttemptLoop(
        step.wanted,
        record,
        provisioner_of=lambda spec: head,
        owner=US,
        listeners=Listeners(on_log=step.lines.append),
        now=time.clock,
        clock=time.clock,
        sleep=time.sleep,
    )
    assert loop.run() == result_of(first)
    assert [one.number for one in record.attempts()] == [1]
    assert server.submitted == []


def test_nothing_is_submitted_when_a_result_came_while_the_cluster_was_made(
    step: Step, server: RayJobsServer, first: Attempt
) -> None:
    late = result_of(step.record.attempt(7))
    provisioner = CommitsMeanwhile(server)
    provisioner.meanwhile = lambda: step.record.commit(late)
    step.provisioner = provisioner
    server.driven_by(lambda body: succeeds(step.record, first))
    assert step.train().result == late
    assert server.submitted == []
    assert ended(first).status == "superseded"


FOREVER = 10**6


def test_a_head_that_is_silent_but_alive_is_stopped_before_the_next_attempt(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt
) -> None:
    running_on(head, server, first, trains_on(1, time=time)(step.record, first))
    server.failures = 40
    server.driven_by(drivers(step.record, trains_on(1, time=time), succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.HEAD_LOST, None]
    assert head.stopped == [claim_of(first).cluster]
    assert head.lives == 2
    assert list(server.jobs) == [step.wanted.job_key().submission_id(2)]


def test_an_attempt_stays_open_when_its_silent_head_cannot_be_seen(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt
) -> None:
    running_on(head, server, first, trains_on(1, time=time)(step.record, first))
    server.failures = FOREVER
    head.phase = "unknown"
    with pytest.raises(ClusterLostError, match="has not answered for"):
        step.train()
    assert not first.has_ended()
    assert head.stopped == []


def test_an_attempt_stays_open_when_its_silent_head_cannot_be_stopped(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt
) -> None:
    running_on(head, server, first, trains_on(1, time=time)(step.record, first))
    server.failures = FOREVER
    head.cannot_stop = True
    with pytest.raises(ClusterLostError, match="cannot be stopped") as raised:
        step.train()
    assert raised.value.hint == "end it by hand"
    assert not first.has_ended()


LEFT = ClusterLeftError("what it left could not be removed: the API server does not answer")


def test_what_a_lost_cluster_left_and_cannot_be_removed_now_fails_no_step(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt
) -> None:
    running_on(head, server, first, trains_on(1, time=time)(step.record, first))
    head.lose()
    head.cannot_clear = LEFT
    server.driven_by(drivers(step.record, trains_on(1, time=time), succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.HEAD_LOST, None]
    failure = ended(first).failure
    assert failure is not None
    assert LEFT.message in failure.evidence


def test_what_a_cluster_left_that_was_lost_while_it_was_followed_fails_no_step_either(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt
) -> None:
    running_on(head, server, first, trains_on(1, time=time)(step.record, first))
    server.failures = 40
    head.cannot_clear = LEFT
    server.driven_by(drivers(step.record, trains_on(1, time=time), succeeds))
    assert step.train().result.attempt == 2
    assert causes(step) == [Cause.HEAD_LOST, None]


def test_an_attempt_stays_open_when_what_its_cluster_left_may_still_train(
    step: Step, head: OneHead, server: RayJobsServer, time: FakeTime, first: Attempt
) -> None:
    running_on(head, server, first, trains_on(1, time=time)(step.record, first))
    head.lose()
    head.cannot_clear = ClusterStartError("a process cannot be stopped", hint="end it by hand")
    with pytest.raises(ClusterStartError, match="a process cannot be stopped"):
        step.train()
    assert not first.has_ended()
