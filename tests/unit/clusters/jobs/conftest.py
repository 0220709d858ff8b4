"""A head that speaks the Jobs API, and a job there, submitted already."""

from collections.abc import Iterator

import pytest

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.jobs.job import FollowedJob
from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.followed import ID, START_S
from tests.unit.clusters.jobs.head_fixtures import server as server
from tests.unit.clusters.jobs.head_fixtures import time as time
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def recorder(events: list[Event]) -> Recorder:
    return Recorder(events.append)


@pytest.fixture
def api(server: RayJobsServer) -> Iterator[JobsApi]:
    with JobsApi(HeadAddress(url=server.url, token=TOKEN)) as api:
        yield api


@pytest.fixture
def retry(time: FakeTime) -> HeadRetry:
    return HeadRetry(lost_after_s=60, clock=time.clock, sleep=time.sleep)


@pytest.fixture
def job(api: JobsApi, retry: HeadRetry, recorder: Recorder) -> FollowedJob:
    """The job of `ID`, already submitted."""
    return FollowedJob(api, ID, adopted=False, start_s=START_S, retry=retry, recorder=recorder)
