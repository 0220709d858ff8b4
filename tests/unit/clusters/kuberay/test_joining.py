"""Workers join while the job runs already; a job whose workers do not come is stopped."""

import threading
from collections.abc import Callable, Iterator

import pytest

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.kuberay.joining import Joining
from ml_platform.errors import ApiAwayError, ClusterStartError
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer, ScriptedJob
from tests.unit.clusters.kuberay.soon import is_so_soon

JOB = "job"


class Start:
    """What is waited for, which a test ends."""

    def __init__(self) -> None:
        self._failure: Exception | None = None
        self._over = threading.Event()
        self.ended = threading.Event()

    def wait(self, is_over: Callable[[], bool]) -> None:
        while not self._over.wait(0.01) and not is_over():
            pass
        self.ended.set()
        if self._failure is not None:
            raise self._failure

    def joins(self) -> None:
        self._over.set()

    def fails(self, failure: Exception) -> None:
        self._failure = failure
        self._over.set()


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        server.jobs[JOB] = ScriptedJob(statuses=["RUNNING"], ends_as="RUNNING")
        yield server


@pytest.fixture
def start() -> Start:
    return Start()


@pytest.fixture
def joining(server: RayJobsServer, start: Start) -> Joining:
    return Joining(start.wait, HeadAddress(url=server.url, token=TOKEN))


def is_stopped(server: RayJobsServer) -> bool:
    return f"POST /api/jobs/{JOB}/stop" in server.requests


def test_a_job_whose_workers_do_not_join_is_stopped_and_told_why(
    server: RayJobsServer, start: Start, joining: Joining
) -> None:
    with joining:
        joining.note_job(JOB)
        start.fails(ClusterStartError("no such image"))
        assert is_so_soon(lambda: is_stopped(server))
    with pytest.raises(ClusterStartError, match="no such image"):
        joining.raise_failure()


def test_a_job_that_is_submitted_after_they_have_failed_is_stopped_too(
    server: RayJobsServer, start: Start, joining: Joining
) -> None:
    with joining:
        start.fails(ClusterStartError("no such image"))
        assert start.ended.wait(5)
        assert is_so_soon(lambda: has_failed(joining))
        joining.note_job(JOB)
        assert is_stopped(server)


def test_workers_that_have_joined_are_nothing_to_tell(
    server: RayJobsServer, start: Start, joining: Joining
) -> None:
    with joining:
        joining.note_job(JOB)
        start.joins()
        assert start.ended.wait(5)
    joining.raise_failure()
    assert not is_stopped(server)


def test_a_job_that_has_ended_is_waited_for_no_longer(start: Start, joining: Joining) -> None:
    with joining:
        joining.note_job(JOB)
    assert start.ended.wait(5)
    joining.raise_failure()


def test_an_api_server_that_is_away_says_nothing_of_the_workers(
    server: RayJobsServer, start: Start, joining: Joining
) -> None:
    with joining:
        joining.note_job(JOB)
        start.fails(ApiAwayError("it does not answer"))
        assert start.ended.wait(5)
    joining.raise_failure()
    assert not is_stopped(server)


def has_failed(joining: Joining) -> bool:
    try:
        joining.raise_failure()
    except ClusterStartError:
        return True
    return False
