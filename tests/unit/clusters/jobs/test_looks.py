"""What a job that says nothing costs its head: nothing much, where somebody vouches for it."""

import threading
import time as real_time

import pytest

from ml_platform.clusters.interface import QUIET_S
from ml_platform.clusters.jobs.job import followed_job
from ml_platform.clusters.jobs.looks import LOOK_ANYWAY_S, LOOK_S, WAKE_S, Looks
from ml_platform.xray.records import Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.followed import ID, JOB, LINES, LOG, cluster_at, ignore
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer

LOOK = f"GET /api/jobs/{ID}"


def looks_in_a_minute(*, vouched: bool, is_quiet: bool) -> int:
    time = FakeTime()
    looks = Looks(lambda: vouched, QUIET_S, time.clock)
    found = 0
    for _ in range(int(60 / WAKE_S)):
        time.sleep(WAKE_S)
        found += looks.is_due(is_quiet=is_quiet)
    return found


@pytest.mark.parametrize("is_quiet", [True, False])
def test_a_job_is_looked_at_seldom_while_somebody_vouches_for_it(is_quiet: bool) -> None:
    assert looks_in_a_minute(vouched=True, is_quiet=is_quiet) == 60 / LOOK_ANYWAY_S


@pytest.mark.parametrize("is_quiet", [True, False])
def test_a_job_that_nobody_vouches_for_is_looked_at_every_few_seconds(is_quiet: bool) -> None:
    assert looks_in_a_minute(vouched=False, is_quiet=is_quiet) == 60 / LOOK_S


def test_who_ceases_to_vouch_for_a_job_has_it_looked_at_there_and_then() -> None:
    time = FakeTime()
    vouched = [True]
    looks = Looks(lambda: vouched[0], QUIET_S, time.clock)
    assert not looks.is_due(is_quiet=True)
    vouched[0] = False
    assert looks.is_due(is_quiet=True)
    assert not looks.is_due(is_quiet=True)


def test_a_silent_job_that_is_vouched_for_is_not_asked_for(
    server: RayJobsServer, recorder: Recorder
) -> None:
    server.next_jobs(log=LOG, hangs=True, ends_as="RUNNING")
    vouched = [True]
    before: list[int] = []

    def end() -> None:
        before.append(server.requests.count(LOOK))
        server.jobs[ID].statuses = ["SUCCEEDED"]
        vouched[0] = False

    lines: list[str] = []
    cluster = cluster_at(server, vouches_for=lambda job: vouched[0])
    with followed_job(cluster, JOB, recorder) as job:
        threading.Timer(2 * QUIET_S, end).start()
        began = real_time.monotonic()
        assert job.follow(on_log=lines.append).status == "succeeded"
    # Before its submission, and before its stream.
    assert before == [2]
    assert real_time.monotonic() - began < 2 * QUIET_S + 1
    assert lines == LINES


def test_a_stream_that_ends_is_the_end_of_a_job_that_is_still_vouched_for(
    server: RayJobsServer, recorder: Recorder
) -> None:
    server.next_jobs(log=LOG)
    with followed_job(cluster_at(server, vouches_for=lambda job: True), JOB, recorder) as job:
        assert job.follow(on_log=ignore).status == "succeeded"
