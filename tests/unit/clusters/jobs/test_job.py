from collections.abc import Iterator
from itertools import count

import pytest

from ml_platform.clusters.interface import Entrypoint, JobKey, Phase
from ml_platform.clusters.jobs.api import HeadAddress, JobsApi
from ml_platform.clusters.jobs.job import SubmittedJob, submit_or_adopt
from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.errors import ClusterError, ClusterLostError
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer, ScriptedJob

KEY = JobKey(asset="model", partition="2013-03-01", attempt_group="abc")
FIRST, SECOND = f"{KEY.slug()}-1", f"{KEY.slug()}-2"
ENTRYPOINT = Entrypoint(module="train", arguments=("--name", "it's"), env={"A": "entry point"})
LOG = "first line\nsecond line\nthird line\n"
LINES = ["first line", "second line", "third line"]


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


@pytest.fixture
def head(server: RayJobsServer) -> HeadAddress:
    return HeadAddress(
        url=server.url, token=TOKEN, python=("/opt/python",), env={"A": "head", "B": "head"}
    )


@pytest.fixture
def api(head: HeadAddress) -> Iterator[JobsApi]:
    with JobsApi(head) as api:
        yield api


@pytest.fixture
def retry() -> HeadRetry:
    time = FakeTime()
    return HeadRetry(lost_after_s=60, clock=time.clock, sleep=time.sleep)


def submit(api: JobsApi, head: HeadAddress, retry: HeadRetry) -> SubmittedJob:
    return submit_or_adopt(api, head, KEY, ENTRYPOINT, retry=retry)


def test_new_work_is_submitted_with_its_command_environment_and_names(
    server: RayJobsServer, api: JobsApi, head: HeadAddress, retry: HeadRetry
) -> None:
    job = submit(api, head, retry)
    assert (job.submission_id, job.adopted) == (FIRST, False)
    assert server.submitted == [
        {
            "submission_id": FIRST,
            "entrypoint": """exec /opt/python -m train --name 'it'"'"'s'""",
            "runtime_env": {"env_vars": {"A": "entry point", "B": "head"}},
            "metadata": {"asset": "model", "partition": "2013-03-01", "attempt_group": "abc"},
        }
    ]


def test_a_running_job_is_adopted(
    server: RayJobsServer, api: JobsApi, head: HeadAddress, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"])
    job = submit(api, head, retry)
    assert (job.submission_id, job.adopted, server.submitted) == (FIRST, True, [])


def test_a_failed_job_is_followed_by_the_next_try(
    server: RayJobsServer, api: JobsApi, head: HeadAddress, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["FAILED"])
    job = submit(api, head, retry)
    assert (job.submission_id, job.adopted) == (SECOND, False)


def test_a_job_that_another_step_submits_in_the_same_moment_is_adopted(
    server: RayJobsServer, api: JobsApi, head: HeadAddress, retry: HeadRetry
) -> None:
    server.unlisted = {FIRST}
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"])
    job = submit(api, head, retry)
    assert (job.submission_id, job.adopted, server.submitted) == (FIRST, True, [])


def test_a_submission_whose_answer_was_lost_is_ours_and_not_made_twice(
    server: RayJobsServer, api: JobsApi, head: HeadAddress, retry: HeadRetry
) -> None:
    server.loses_answers = 1
    job = submit(api, head, retry)
    assert (job.submission_id, job.adopted, len(server.submitted)) == (FIRST, False, 1)


def test_a_refused_token_is_an_error_at_once(server: RayJobsServer, retry: HeadRetry) -> None:
    stranger = HeadAddress(url=server.url, token="wrong")
    with JobsApi(stranger) as api, pytest.raises(ClusterError, match="refuses the token"):
        submit(api, stranger, retry)
    assert len(server.requests) == 1


def test_following_streams_the_log_and_returns_the_outcome(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(
        statuses=["PENDING", "PENDING", "RUNNING"], log=LOG, message="done"
    )
    lines: list[str] = []
    phases: list[Phase] = []
    job = SubmittedJob(api, FIRST, adopted=False, retry=retry)
    outcome = job.follow(on_log=lines.append, on_phase=phases.append)
    assert lines == LINES
    assert (outcome.status, outcome.message, outcome.adopted) == ("succeeded", "done", False)
    assert [(phase.name, phase.detail) for phase in phases] == [
        ("pending", ""),
        ("running", "succeeded"),
    ]


def test_a_stream_that_breaks_is_resumed_where_it_broke(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"], log=LOG, cuts=[4, 15, 15, 30])
    lines: list[str] = []
    SubmittedJob(api, FIRST, adopted=False, retry=retry).follow(on_log=lines.append)
    assert lines == LINES
    assert server.requests.count(f"GET /api/jobs/{FIRST}/logs/tail") == 5


def test_a_job_that_ends_while_its_stream_is_broken_is_read_to_its_end(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING", "FAILED"], log=LOG, cuts=[15])
    lines: list[str] = []
    job = SubmittedJob(api, FIRST, adopted=False, retry=retry)
    assert job.follow(on_log=lines.append).status == "failed"
    assert lines == LINES


def test_a_stream_that_hangs_after_the_jobs_end_is_left(
    server: RayJobsServer, head: HeadAddress, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"], log=LOG, hangs=True)
    lines: list[str] = []
    with JobsApi(head, quiet_s=0.05) as api:
        job = SubmittedJob(api, FIRST, adopted=False, retry=retry)
        assert job.follow(on_log=lines.append).status == "succeeded"
    assert lines == LINES


def test_a_head_that_dies_behind_an_open_stream_is_lost(
    server: RayJobsServer, head: HeadAddress, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"], log=LOG, hangs=True, ends_as="RUNNING")
    with JobsApi(head, quiet_s=0.05) as api, pytest.raises(ClusterLostError):
        SubmittedJob(api, FIRST, adopted=False, retry=retry).follow(
            on_log=lambda line: setattr(server, "failures", 1000)
        )


def test_a_job_that_talks_beyond_its_limit_is_stopped(server: RayJobsServer, api: JobsApi) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"], log=LOG, hangs=True, ends_as="RUNNING")
    time = FakeTime()
    job = SubmittedJob(
        api, FIRST, adopted=False, retry=HeadRetry(clock=time.clock, sleep=time.sleep)
    )
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        time.sleep(60)

    outcome = job.follow(on_log=hear, limit_s=100)

    assert outcome.status == "overdue"
    assert LINES[-1] not in lines
    assert server.jobs[FIRST].statuses == ["STOPPED"]


def test_a_job_that_is_silent_beyond_its_limit_is_stopped(
    server: RayJobsServer, head: HeadAddress
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"], log=LOG, hangs=True, ends_as="RUNNING")
    each_look_takes_1_s = HeadRetry(clock=count(0.0, 1.0).__next__, sleep=lambda seconds: None)
    phases: list[Phase] = []
    with JobsApi(head, quiet_s=0.01) as api:
        job = SubmittedJob(api, FIRST, adopted=False, retry=each_look_takes_1_s)
        outcome = job.follow(on_log=lambda line: None, on_phase=phases.append, limit_s=60)
    assert outcome.status == "overdue"
    assert phases[-1].detail == "overdue"
    assert server.jobs[FIRST].statuses == ["STOPPED"]


def test_waiting_for_its_turn_does_not_make_a_job_overdue(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["PENDING"] * 20 + ["RUNNING"], log=LOG)
    job = SubmittedJob(api, FIRST, adopted=False, retry=retry)
    assert job.follow(on_log=lambda line: None, limit_s=1).status == "succeeded"


def test_a_finished_job_gives_its_log_and_outcome_without_a_stream(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["SUCCEEDED"], log=LOG)
    lines: list[str] = []
    job = SubmittedJob(api, FIRST, adopted=True, retry=retry)
    assert job.follow(on_log=lines.append).adopted
    assert lines == LINES
    assert f"GET /api/jobs/{FIRST}/logs/tail" not in server.requests


def test_a_head_that_fails_for_a_moment_is_asked_again(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"], log=LOG)
    server.failures = 3
    lines: list[str] = []
    SubmittedJob(api, FIRST, adopted=False, retry=retry).follow(on_log=lines.append)
    assert lines == LINES


def test_a_head_that_is_gone_is_lost(server: RayJobsServer, api: JobsApi, retry: HeadRetry) -> None:
    server.close()
    job = SubmittedJob(api, FIRST, adopted=False, retry=retry)
    with pytest.raises(ClusterLostError, match="has not answered for"):
        job.follow(on_log=lambda line: None)


def test_a_head_that_has_forgotten_the_job_was_restarted(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    job = SubmittedJob(api, FIRST, adopted=False, retry=retry)
    with pytest.raises(ClusterLostError, match="has forgotten job"):
        job.follow(on_log=lambda line: None)


def test_stopping_waits_until_the_job_is_stopped(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"])
    SubmittedJob(api, FIRST, adopted=False, retry=retry).stop()
    assert server.jobs[FIRST].statuses == ["STOPPED"]


def test_a_job_that_does_not_stop_is_an_error(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.jobs[FIRST] = ScriptedJob(statuses=["RUNNING"])
    server.stop_status = "RUNNING"
    with pytest.raises(ClusterError, match="did not stop within 30 s"):
        SubmittedJob(api, FIRST, adopted=False, retry=retry).stop()


def test_stopping_a_job_whose_head_is_gone_is_done(
    server: RayJobsServer, api: JobsApi, retry: HeadRetry
) -> None:
    server.close()
    SubmittedJob(api, FIRST, adopted=False, retry=retry).stop()
    assert retry.clock() >= 1060
