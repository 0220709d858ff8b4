"""A local address that leads to a head: credentials are added, strangers are refused."""

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.kuberay.connect import local_address
from ml_platform.errors import ClusterError
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer, ScriptedJob


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


@pytest.fixture
def url(server: RayJobsServer) -> Iterator[str]:
    with local_address(HeadAddress(url=server.url, token=TOKEN)) as url:
        yield url


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_whoever_comes_to_it_needs_no_token(server: RayJobsServer, url: str) -> None:
    with JobsApi(HeadAddress(url=url)) as api:
        api.submit("train-1", "true", env={}, metadata={})
        assert [job.submission_id for job in api.jobs()] == ["train-1"]
    assert server.submitted[0]["entrypoint"] == "true"


def test_a_token_of_the_callers_own_does_not_stand_in_the_way(url: str) -> None:
    assert get(f"{url}/api/jobs/", authorization="Bearer another").status_code == 200


def test_a_large_body_and_a_missing_page_pass_as_they_are(server: RayJobsServer, url: str) -> None:
    archive = bytes(range(256)) * 40_000
    with JobsApi(HeadAddress(url=url)) as api:
        assert not api.has_package("a.zip")
        api.upload_package("a.zip", archive)
        assert api.has_package("a.zip")
    assert server.packages == {"a.zip": archive}


def test_a_log_is_streamed_to_its_end(server: RayJobsServer, url: str) -> None:
    log = "first line\nsecond line\n"
    server.jobs["train-1"] = ScriptedJob(statuses=["RUNNING"], log=log)
    with JobsApi(HeadAddress(url=url)) as api:
        assert "".join(api.tail("train-1")) == log


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_what_a_strangers_page_could_send_is_refused(
    server: RayJobsServer, url: str, headers: dict[str, str]
) -> None:
    assert get(f"{url}/api/jobs/", **headers).status_code == 403
    assert server.requests == []


def test_a_strangers_page_opens_no_websocket(server: RayJobsServer, url: str) -> None:
    server.jobs["train-1"] = ScriptedJob(statuses=["RUNNING"], log="secret\n")
    address = url.replace("http", "ws", 1) + "/api/jobs/train-1/logs/tail"
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(address, origin=Origin("https://evil.example"), proxy=None),
    ):
        pass


def test_the_dashboards_own_pages_are_let_in(url: str) -> None:
    assert get(f"{url}/api/jobs/", origin=url).status_code == 200


def test_a_head_that_is_gone_is_said_to_be(server: RayJobsServer, url: str) -> None:
    server.close()
    answer = get(f"{url}/api/jobs/")
    assert answer.status_code == 502
    assert "does not answer" in answer.text


def test_a_port_that_is_taken_is_named(server: RayJobsServer, url: str) -> None:
    taken = int(url.rpartition(":")[2])
    with (
        pytest.raises(ClusterError, match=f"port {taken}"),
        local_address(HeadAddress(url=server.url), port=taken),
    ):
        pass
