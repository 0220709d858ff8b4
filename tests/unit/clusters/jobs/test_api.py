"""What the head says, and what is said by who stands before it."""

import math

import pytest

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.errors import ApiForbiddenError, ClusterError, HeadUnreachableError
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer, ScriptedJob


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


def test_a_head_was_last_used_when_its_last_job_ended_or_is_while_one_goes_on() -> None:
    with RayJobsServer() as server, JobsApi(HeadAddress(url=server.url, token=TOKEN)) as api:
        assert api.last_used_s() is None
        server.jobs["first"] = ScriptedJob(statuses=["SUCCEEDED"], ended_ms=5000)
        server.jobs["then"] = ScriptedJob(statuses=["FAILED"], ended_ms=9500)
        assert api.last_used_s() == 9.5
        server.jobs["now"] = ScriptedJob(statuses=["RUNNING"])
        assert api.last_used_s() == math.inf
