"""What the head says, and what is said by who stands before it."""

import pytest

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.errors import ApiForbiddenError, ClusterError, HeadUnreachableError
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


def test_a_refusal_of_the_api_server_is_none_of_the_heads() -> None:
    with RayJobsServer() as server, JobsApi(HeadAddress(url=server.url, token=TOKEN)) as api:
        server.forbidden = 1
        with pytest.raises(ApiForbiddenError, match="does not let this account through") as raised:
            api.job("job")
        assert "`services/proxy`" in raised.value.hint


def test_a_refusal_of_the_head_is_told_as_such() -> None:
    with RayJobsServer() as server, JobsApi(HeadAddress(url=server.url, token="another")) as api:
        with pytest.raises(ClusterError, match="refuses the token") as raised:
            api.job("job")
        assert type(raised.value) is ClusterError
