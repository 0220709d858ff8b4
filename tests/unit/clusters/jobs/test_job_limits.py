"""The limits of a job: of its start, of its running time, of its silence."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.jobs.job import POLL_S, FollowedJob, followed_job
from ml_platform.clusters.jobs.looks import LOOK_S
from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.followed import ID, JOB, LINES, LOG, START_S, cluster_at, ignore
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob


def test_a_job_that_talks_beyond_its_limit_is_stopped(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"], log=LOG, hangs=True, ends_as="RUNNING")
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        time.sleep(60)

    outcome = job.follow(on_log=hear, limit_s=lambda: 100)

    assert outcome.status == "overdue"
    assert LINES[-1] not in lines
    assert server.jobs[ID].statuses == ["STOPPED"]


@contextmanager
def followed_by_looks(server: RayJobsServer, recorder: Recorder) -> Iterator[FollowedJob]:
    """A job whose stream is quiet, on a clock that each look at it moves by a second."""
    with followed_job(
        cluster_at(server, quiet_s=0.01),
        JOB,
        recorder,
        clock=count(0.0, 1.0).__next__,
        sleep=lambda seconds: None,
    ) as job:
        yield job


def test_a_job_that_is_silent_beyond_its_limit_is_stopped(
    server: RayJobsServer, recorder: Recorder, events: list[Event]
) -> None:
    server.next_jobs(log=LOG, hangs=True, ends_as="RUNNING")
    with followed_by_looks(server, recorder) as job:
        outcome = job.follow(on_log=ignore, limit_s=lambda: 60)
    assert outcome.status == "overdue"
    assert events[-1].detail == "overdue"
    assert server.jobs[ID].statuses == ["STOPPED"]


def test_a_job_from_which_nothing_comes_is_stopped(
    server: RayJobsServer, job: FollowedJob, time: FakeTime, events: list[Event]
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"], log=LOG, ends_as="RUNNING")
    outcome = job.follow(on_log=ignore, silence_s=60)
    assert (outcome.status, outcome.limit_s, outcome.stopped) == ("silent", 60, True)
    assert time.now == pytest.approx(1000 + 60, abs=LOOK_S + 2 * POLL_S)
    assert events[-1].detail == "silent"
    assert server.jobs[ID].statuses == ["STOPPED"]


def test_a_job_behind_whose_open_stream_nothing_comes_is_stopped(
    server: RayJobsServer, recorder: Recorder
) -> None:
    server.next_jobs(log=LOG, hangs=True, ends_as="RUNNING")
    with followed_by_looks(server, recorder) as job:
        assert job.follow(on_log=ignore, silence_s=60).status == "silent"


def test_each_line_begins_the_silence_anew(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"], log=LOG)
    outcome = job.follow(on_log=lambda line: time.sleep(60), silence_s=100)
    assert outcome.status == "succeeded"
    assert time.now > 1000 + 100


def test_a_log_that_is_given_from_its_start_again_is_nothing_new(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.jobs[ID] = ScriptedJob(
        statuses=["RUNNING"], log=LOG, cuts=[len(LOG)] * 1000, ends_as="RUNNING"
    )
    assert job.follow(on_log=ignore, silence_s=60).status == "silent"


def test_a_log_that_cannot_be_had_says_nothing_of_silence(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"] * 200 + ["SUCCEEDED"], log=LOG)
    server.log_status = 403
    assert job.follow(on_log=ignore, silence_s=20).status == "succeeded"
    assert time.now > 1000 + 2 * 20


def test_a_silent_job_that_shows_otherwise_that_it_goes_on_is_left_to(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"], log=LOG, ends_as="RUNNING")
    signs = iter([True, True, False])
    assert job.follow(on_log=ignore, silence_s=20, goes_on=signs.__next__).status == "silent"
    assert time.now == pytest.approx(1000 + 3 * 20, abs=3 * LOOK_S + 1)


def test_a_job_that_waits_for_its_turn_is_not_silent(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["PENDING"] * 20 + ["RUNNING"], log=LOG)
    assert job.follow(on_log=ignore, silence_s=1).status == "succeeded"


def test_waiting_for_its_turn_does_not_make_a_job_overdue(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["PENDING"] * 20 + ["RUNNING"], log=LOG)
    assert job.follow(on_log=ignore, limit_s=lambda: 1).status == "succeeded"


def test_a_job_that_ray_never_starts_is_stopped_at_the_limit_of_its_start(
    server: RayJobsServer, job: FollowedJob, time: FakeTime, events: list[Event]
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["PENDING"], message="waiting for resources")
    outcome = job.follow(on_log=ignore)
    assert (outcome.status, outcome.stopped) == ("unstarted", True)
    assert outcome.message == "waiting for resources"
    assert time.now == pytest.approx(1000 + START_S + POLL_S, abs=POLL_S)
    assert [one.detail for one in events] == ["", "unstarted"]


def test_a_job_that_waits_for_its_start_costs_ever_fewer_requests(
    server: RayJobsServer, api: JobsApi, recorder: Recorder, retry: HeadRetry
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["PENDING"])
    job = FollowedJob(api, ID, adopted=False, start_s=300, retry=retry, recorder=recorder)
    job.follow(on_log=ignore)
    until_it_was_stopped = server.requests.index(f"POST /api/jobs/{ID}/stop")
    assert until_it_was_stopped <= 100


@pytest.mark.parametrize("pending_s", [0.1, 1, 2, 5, 20, 50])
def test_a_start_is_noticed_soon(
    server: RayJobsServer,
    api: JobsApi,
    recorder: Recorder,
    time: FakeTime,
    pending_s: float,
) -> None:
    """Within 0.2 s of a quick one, and later at most a tenth of what was waited already."""
    server.jobs[ID] = ScriptedJob(statuses=["PENDING"], log=LOG)

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if time.now >= 1000 + pending_s:
            server.jobs[ID].statuses = ["RUNNING"]

    retry = HeadRetry(clock=time.clock, sleep=sleep)
    job = FollowedJob(api, ID, adopted=False, start_s=300, retry=retry, recorder=recorder)
    noticed_at: list[float] = []

    def limit() -> float:
        noticed_at.append(time.now)
        return math.inf

    job.follow(on_log=ignore, limit_s=limit)
    assert noticed_at[0] - 1000 - pending_s <= max(POLL_S, pending_s / 10) + 1e-6


def test_a_job_that_is_never_started_and_cannot_be_stopped_says_so(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["PENDING"])
    server.stop_status = "PENDING"
    outcome = job.follow(on_log=ignore)
    assert (outcome.status, outcome.stopped) == ("unstarted", False)


def test_a_job_that_ray_could_not_start_is_no_job_that_ran(
    server: RayJobsServer, job: FollowedJob, events: list[Event]
) -> None:
    said = "runtime_env setup failed: no space left on device"
    server.jobs[ID] = ScriptedJob(
        statuses=["PENDING", "FAILED"], message=said, error_type="RUNTIME_ENV_SETUP_FAILURE"
    )
    outcome = job.follow(on_log=ignore)
    assert (outcome.status, outcome.message, outcome.limit_s) == ("unstarted", said, math.inf)
    assert [one.detail for one in events] == ["", "unstarted"]


def test_a_job_that_is_overdue_and_cannot_be_stopped_says_so(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"], log=LOG, hangs=True, ends_as="RUNNING")
    server.stop_status = "RUNNING"
    outcome = job.follow(on_log=lambda line: time.sleep(60), limit_s=lambda: 100)
    assert (outcome.status, outcome.stopped) == ("overdue", False)


def test_the_limit_is_asked_for_once_the_job_runs(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["PENDING"] * 5 + ["RUNNING"], log=LOG)
    asked_at: list[float] = []

    def limit() -> float:
        asked_at.append(time.now)
        return math.inf

    job.follow(on_log=ignore, limit_s=limit)
    assert asked_at == [pytest.approx(1000 + 5 * POLL_S)]
