"""What the head says, and what is said by who stands before it."""

import pytest

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.errors import HeadUnreachableError
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer


def test_a_service_that_is_gone_is_no_job_that_the_head_has_forgotten() -> None:
    with RayJobsServer() as server, JobsApi(HeadAddress(url=server.url, token=TOKEN)) as api:
        server.unreached = 1
        with pytest.raises(HeadUnreachableError, match="API server does not reach"):
            api.job("job")
        assert api.job("job") is None


def test_a_submission_to_a_service_that_is_gone_may_be_tried_again() -> None:
    with RayJobsServer() as server, JobsApi(HeadAddress(url=server.url, token=TOKEN)) as api:
        server.unreached = 1
        with pytest.raises(HeadUnreachableError):
            api.submit("job", "true", env={}, metadata={})
        api.submit("job", "true", env={}, metadata={})
        assert list(server.jobs) == ["job"]
