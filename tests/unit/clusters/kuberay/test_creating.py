"""A RayJob that the API server does not make says why, and while it is tried again too."""

from collections.abc import Iterator

import pytest

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.kuberay.creating import create_job
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.errors import (
    ApiAwayError,
    ApiRefusedError,
    ClusterStartError,
    ObjectConflictError,
)
from ml_platform.xray.records import Recorder
from tests.unit.clusters.kuberay.clusters import CONFIG, cluster
from tests.unit.clusters.kuberay.refusing_server import RefusingServer, refusing_server

QUOTA = (
    'rayjobs.ray.io "c-1" is forbidden: exceeded quota: team, requested: count/rayjobs.ray.io=1, '
    "used: count/rayjobs.ray.io=5, limited: count/rayjobs.ray.io=5"
)
WEBHOOK = 'Internal error occurred: failed calling webhook "mrayjob.kb.io": connection refused'
NO_RIGHT = 'rayjobs.ray.io is forbidden: User "ada" cannot create resource "rayjobs" in API group'


@pytest.fixture
def server() -> Iterator[RefusingServer]:
    with refusing_server() as server:
        yield server


def created(server: RefusingServer, told: list[str] | None = None) -> Object:
    heard: list[str] = [] if told is None else told
    recorder = Recorder(lambda event: heard.append(event.detail))
    return create_job(server.api, CONFIG, ray_job("c-1", cluster(), CONFIG), recorder)


def failure_of(server: RefusingServer) -> Failure:
    with pytest.raises(ClusterStartError) as raised:
        created(server)
    return Failure.of_start(raised.value)


def test_a_quota_of_ray_jobs_is_named_and_is_no_missing_right(server: RefusingServer) -> None:
    server.answers = [(403, QUOTA)]
    failure = failure_of(server)
    assert failure.message.startswith("the cluster c-1: Quota team has no room for its RayJob")
    assert "right" not in failure.hint
    assert (failure.cause, failure.place) == (Cause.START_FAILED, Place(kind="cluster"))


def test_what_the_schema_refuses_is_the_users_input(server: RefusingServer) -> None:
    server.answers = [(422, 'RayJob.ray.io "c-1" is invalid: spec.x: Required value')]
    assert failure_of(server).cause is Cause.BAD_INPUT


def test_a_kubernetes_without_kuberay_is_named(server: RefusingServer) -> None:
    server.listed = (404, "404 page not found")
    assert "KubeRay is not installed" in failure_of(server).message


def test_a_namespace_that_does_not_exist_is_named(server: RefusingServer) -> None:
    server.answers = [(404, f'namespaces "{CONFIG.namespace}" not found')]
    assert f"There is no namespace {CONFIG.namespace}" in failure_of(server).message


def test_an_account_that_may_not_is_told_that_it_lacks_a_right(server: RefusingServer) -> None:
    server.answers = [(403, NO_RIGHT)]
    with pytest.raises(ApiRefusedError, match="ada") as raised:
        created(server)
    assert "lacks a right" in raised.value.hint


def test_one_of_this_name_is_for_who_asked_to_adopt(server: RefusingServer) -> None:
    server.answers = [(409, "it exists already")]
    with pytest.raises(ObjectConflictError):
        created(server)


def test_a_webhook_that_does_not_answer_is_told_once_while_it_is_tried_again(
    server: RefusingServer,
) -> None:
    server.answers = [(500, WEBHOOK), (500, WEBHOOK), (201, "")]
    told: list[str] = []
    assert created(server, told)["metadata"]["name"] == "c-1"
    assert [one.partition(",")[0] for one in told] == [
        "starting: The admission webhook mrayjob.kb.io does not answer"
    ]


def test_a_webhook_that_stays_away_is_the_cause_and_not_the_api_server(
    server: RefusingServer,
) -> None:
    server.answers = [(500, WEBHOOK)]
    assert "webhook mrayjob.kb.io does not answer" in failure_of(server).message


def test_an_api_server_that_stays_away_is_that(server: RefusingServer) -> None:
    server.answers = [(503, "Service Unavailable")]
    with pytest.raises(ApiAwayError):
        created(server)
