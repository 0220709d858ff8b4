"""A head that speaks the Jobs API, and a clock of its own, for tests of whoever talks to a head."""

from collections.abc import Iterator

import pytest

from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()
