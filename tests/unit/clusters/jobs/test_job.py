"""Submitting to a head and following there, spoken over the real protocol."""

import threading
import time as real_time

import pytest

from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.jobs.job import LOG_REST_S, FollowedJob, followed_job
from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.errors import ClusterError, ClusterLostError
from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.followed import (
    ID,
    JOB,
    LINES,
    LOG,
    START_S,
    cluster_at,
    ignore,
    submitted,
)
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.clusters.kuberay.soon import is_so_soon


def test_new_work_is_submitted_with_its_command_environment_and_names(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    job = submitted(cluster_at(server), recorder, time)
    assert (job.submission_id, job.adopted) == (ID, False)
    assert server.submitted == [
        {
            "submission_id": ID,
            "entrypoint": """exec /opt/python -m train --name 'it'"'"'s'""",
            "runtime_env": {"env_vars": {"A": "entry point", "B": "head"}},
            "metadata": {"asset": "model", "attempt": "1"},
        }
    ]


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"])
def test_a_job_that_is_there_is_adopted_and_not_submitted_again(
    server: RayJobsServer, recorder: Recorder, time: FakeTime, status: str
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=[status])
    job = submitted(cluster_at(server), recorder, time)
    assert (job.adopted, server.submitted) == (True, [])


def test_a_job_that_another_step_submits_in_the_same_moment_is_adopted(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    server.unseen = 1
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"])
    job = submitted(cluster_at(server), recorder, time)
    assert (job.adopted, server.submitted) == (True, [])
    assert server.requests.count("POST /api/jobs/") == 1


def test_a_submission_whose_answer_was_lost_is_ours_and_not_made_twice(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    server.loses_answers = 1
    job = submitted(cluster_at(server), recorder, time)
    assert (job.adopted, len(server.submitted)) == (False, 1)


def test_a_refused_token_is_an_error_at_once(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    with pytest.raises(ClusterError, match="refuses the token"):
        submitted(cluster_at(server, token="wrong"), recorder, time)
    assert len(server.requests) == 1


def test_submitting_is_an_event_that_says_whether_it_was_adopted(
    server: RayJobsServer, recorder: Recorder, time: FakeTime, events: list[Event]
) -> None:
    submitted(cluster_at(server), recorder, time)
    submitted(cluster_at(server), recorder, time)
    assert [(one.name, one.state, one.detail) for one in events] == [
        ("submit", "began", ""),
        ("submit", "ended", ID),
        ("submit", "began", ""),
        ("submit", "ended", "adopted"),
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_leaving_the_block_by_an_exception_stops_the_job(
    server: RayJobsServer, recorder: Recorder, time: FakeTime, error: type[BaseException]
) -> None:
    with (
        pytest.raises(error),
        followed_job(cluster_at(server), JOB, recorder, clock=time.clock, sleep=time.sleep),
    ):
        raise error
    assert server.jobs[ID].statuses == ["STOPPED"]


def test_leaving_the_block_in_peace_leaves_the_job_as_it_is(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    submitted(cluster_at(server), recorder, time)
    assert server.jobs[ID].statuses == ["RUNNING"]


def test_a_job_of_a_lost_head_is_not_asked_to_stop(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    with (
        pytest.raises(ClusterLostError, match="node is gone"),
        followed_job(cluster_at(server), JOB, recorder, clock=time.clock, sleep=time.sleep),
    ):
        raise ClusterLostError("the node is gone")
    assert f"POST /api/jobs/{ID}/stop" not in server.requests


def test_what_the_block_raised_is_the_news_and_not_that_the_job_could_not_be_stopped(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    server.stop_status = "RUNNING"
    with (
        pytest.raises(ValueError, match="the news"),
        followed_job(cluster_at(server), JOB, recorder, clock=time.clock, sleep=time.sleep),
    ):
        raise ValueError("the news")


def test_a_silent_head_whose_provisioner_says_that_it_has_ended_is_lost_at_once(
    server: RayJobsServer, recorder: Recorder, time: FakeTime
) -> None:
    server.failures = 1000
    with pytest.raises(ClusterLostError, match="the Ray head has ended"):
        submitted(cluster_at(server, is_gone=lambda: True), recorder, time)
    assert time.now == 1000


def test_following_streams_the_log_and_returns_the_outcome(
    server: RayJobsServer, job: FollowedJob, events: list[Event]
) -> None:
    server.jobs[ID] = ScriptedJob(
        statuses=["PENDING", "PENDING", "RUNNING"], log=LOG, message="done"
    )
    lines: list[str] = []
    outcome = job.follow(on_log=lines.append)
    assert lines == LINES
    assert (outcome.status, outcome.message, outcome.adopted) == ("succeeded", "done", False)
    assert [(one.name, one.state, one.detail) for one in events] == [
        ("pending", "began", ""),
        ("pending", "ended", ""),
        ("running", "began", ""),
        ("running", "ended", "succeeded"),
    ]


def test_a_stream_that_breaks_is_resumed_where_it_broke(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"], log=LOG, cuts=[4, 15, 15, 30])
    lines: list[str] = []
    job.follow(on_log=lines.append)
    assert lines == LINES
    assert server.requests.count(f"GET /api/jobs/{ID}/logs/tail") == 5


def test_a_job_that_ends_while_its_stream_is_broken_is_read_to_its_end(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING", "FAILED"], log=LOG, cuts=[15])
    lines: list[str] = []
    assert job.follow(on_log=lines.append).status == "failed"
    assert lines == LINES


def test_a_stream_that_hangs_after_the_jobs_end_is_left(
    server: RayJobsServer, recorder: Recorder
) -> None:
    server.next_jobs(log=LOG, hangs=True)
    lines: list[str] = []
    with followed_job(cluster_at(server, quiet_s=0.05), JOB, recorder) as job:
        assert job.follow(on_log=lines.append).status == "succeeded"
    assert lines == LINES


@pytest.mark.parametrize("status", [500, 403, 401, 409])
@pytest.mark.parametrize("ends_as", ["SUCCEEDED", "FAILED"])
def test_a_log_that_is_refused_changes_no_outcome(
    server: RayJobsServer, job: FollowedJob, status: int, ends_as: str
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"] * 5 + [ends_as], log=LOG, message="its end")
    server.log_status = status
    outcome = job.follow(on_log=ignore)
    assert (outcome.status, outcome.message) == (ends_as.lower(), "its end")


def test_an_error_of_who_hears_the_rest_of_the_log_is_not_hidden(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["SUCCEEDED"], log=LOG)

    def fail(line: str) -> None:
        raise ClusterError(f"cannot take {line}", hint="")

    with pytest.raises(ClusterError, match="cannot take first line"):
        job.follow(on_log=fail)


def test_the_end_is_looked_for_every_few_seconds_while_the_log_cannot_be_had(
    server: RayJobsServer, api: JobsApi, recorder: Recorder, time: FakeTime
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"] * 60 + ["SUCCEEDED"])
    server.log_status = 403
    retry = HeadRetry(clock=time.clock, sleep=sleep)
    job = FollowedJob(api, ID, adopted=False, start_s=START_S, retry=retry, recorder=recorder)
    assert job.follow(on_log=ignore).status == "succeeded"
    assert max(pauses) + LOG_REST_S <= 4


@pytest.mark.parametrize(
    "hanging",
    [frozenset({"logs"}), frozenset({"logs", "logs/tail"})],
    ids=["a stream that goes silent", "a stream that never opens"],
)
def test_a_step_ends_soon_after_its_job_though_no_request_for_the_log_is_answered(
    server: RayJobsServer, recorder: Recorder, hanging: frozenset[str]
) -> None:
    server.next_jobs(log=LOG, hangs=True, ends_as="RUNNING")
    server.hanging = hanging
    ended_at: list[float] = []

    def end() -> None:
        server.jobs[ID].statuses = ["SUCCEEDED"]
        ended_at.append(real_time.monotonic())

    with followed_job(cluster_at(server), JOB, recorder) as job:
        # Just after the stream was asked for: all of its silence lies before the next look.
        threading.Timer(0.2, end).start()
        outcome = job.follow(on_log=ignore)
    assert outcome.status == "succeeded"
    assert real_time.monotonic() - ended_at[0] < 5


def test_a_head_that_dies_behind_an_open_stream_is_lost(
    server: RayJobsServer, recorder: Recorder
) -> None:
    server.next_jobs(log=LOG, hangs=True, ends_as="RUNNING")
    cluster = cluster_at(server, quiet_s=0.05, is_gone=lambda: server.failures > 0)
    with (
        pytest.raises(ClusterLostError),
        followed_job(cluster, JOB, recorder) as job,
    ):
        job.follow(on_log=lambda line: setattr(server, "failures", 1000))


def test_a_head_that_vanishes_behind_its_proxy_is_lost_within_seconds(
    server: RayJobsServer, recorder: Recorder
) -> None:
    server.hanging = frozenset({ID})
    began = real_time.monotonic()
    with (
        pytest.raises(ClusterLostError, match="the Ray head has ended"),
        followed_job(cluster_at(server, is_gone=lambda: True), JOB, recorder),
    ):
        pass
    assert real_time.monotonic() - began < 5


def test_a_submission_to_a_head_that_has_vanished_is_broken_off(
    server: RayJobsServer, recorder: Recorder
) -> None:
    server.hanging = frozenset({"jobs/"})
    began = real_time.monotonic()
    cluster = cluster_at(server, is_gone=lambda: real_time.monotonic() > began + 1)
    with (
        pytest.raises(ClusterLostError, match="the Ray head has ended"),
        followed_job(cluster, JOB, recorder),
    ):
        pass
    assert real_time.monotonic() - began < 5
    assert is_so_soon(lambda: server.broken_off == ["POST /api/jobs/"])


def test_a_look_that_gets_no_answer_is_repeated(server: RayJobsServer, recorder: Recorder) -> None:
    def recover() -> None:
        server.hanging = frozenset()

    server.next_jobs(log=LOG)
    server.hanging = frozenset({ID})
    threading.Timer(1.0, recover).start()
    with followed_job(cluster_at(server), JOB, recorder) as job:
        outcome = job.follow(on_log=ignore)
    assert outcome.status == "succeeded"


def test_a_finished_job_gives_its_log_and_outcome_without_a_stream(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["SUCCEEDED"], log=LOG)
    lines: list[str] = []
    assert job.follow(on_log=lines.append).status == "succeeded"
    assert lines == LINES
    assert f"GET /api/jobs/{ID}/logs/tail" not in server.requests


def test_a_head_that_fails_for_a_moment_is_asked_again(
    server: RayJobsServer, job: FollowedJob
) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"], log=LOG)
    server.failures = 3
    lines: list[str] = []
    job.follow(on_log=lines.append)
    assert lines == LINES


def test_a_head_that_is_gone_is_lost(
    server: RayJobsServer, job: FollowedJob, events: list[Event]
) -> None:
    server.close()
    with pytest.raises(ClusterLostError, match="has not answered for"):
        job.follow(on_log=ignore)
    assert (events[-1].name, events[-1].state) == ("pending", "failed")
    assert "ClusterLostError: the Ray head has not answered" in events[-1].detail


def test_a_head_that_has_forgotten_the_job_was_restarted(
    server: RayJobsServer, job: FollowedJob
) -> None:
    with pytest.raises(ClusterLostError, match="has forgotten job"):
        job.follow(on_log=ignore)


def test_stopping_waits_until_the_job_is_stopped(server: RayJobsServer, job: FollowedJob) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"])
    job.stop()
    assert server.jobs[ID].statuses == ["STOPPED"]


def test_a_job_that_does_not_stop_is_an_error(server: RayJobsServer, job: FollowedJob) -> None:
    server.jobs[ID] = ScriptedJob(statuses=["RUNNING"])
    server.stop_status = "RUNNING"
    with pytest.raises(ClusterError, match="did not stop within 30 s"):
        job.stop()


def test_stopping_a_job_whose_head_is_gone_is_done(
    server: RayJobsServer, job: FollowedJob, time: FakeTime
) -> None:
    server.close()
    job.stop()
    assert time.now >= 1060
