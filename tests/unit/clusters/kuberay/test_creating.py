"""A RayJob that the API server does not make says why, and while it is tried again too."""

from collections.abc import Iterator

import pytest

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.creating import create_job
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.errors import (
    ApiAwayError,
    ApiForbiddenError,
    ClusterStartError,
    ObjectConflictError,
)
from ml_platform.xray.records import Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.clusters import CONFIG, cluster
from tests.unit.clusters.kuberay.kubernetes_server import (
    KubernetesServer,
    Reply,
    kubernetes_server,
    status,
)

QUOTA = (
    'rayjobs.ray.io "c-1" is forbidden: exceeded quota: team, requested: count/rayjobs.ray.io=1, '
    "used: count/rayjobs.ray.io=5, limited: count/rayjobs.ray.io=5"
)
WEBHOOK = 'Internal error occurred: failed calling webhook "mrayjob.kb.io": connection refused'
NO_RIGHT = 'rayjobs.ray.io is forbidden: User "ada" cannot create resource "rayjobs" in API group'


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        yield server


def answers(server: KubernetesServer, *replies: Reply, to: str = "POST") -> None:
    """What the server answers instead of its own, in turn; then it does as it is asked."""
    left = list(replies)
    server.before = lambda method, path: left.pop(0) if method == to and left else None


def stays(server: KubernetesServer, reply: Reply) -> None:
    """What the server answers to each create."""
    server.before = lambda method, path: reply if method == "POST" else None


def created(server: KubernetesServer, told: list[str] | None = None) -> Object:
    heard: list[str] = [] if told is None else told
    recorder, time = Recorder(lambda event: heard.append(event.detail)), FakeTime()
    api = KubernetesApi(server.access, clock=time.clock, sleep=time.sleep)
    return create_job(api, CONFIG, ray_job("c-1", cluster(), CONFIG), recorder)


def failure_of(server: KubernetesServer) -> Failure:
    with pytest.raises(ClusterStartError) as raised:
        created(server)
    return Failure.of_start(raised.value)


def test_a_quota_of_ray_jobs_is_named_and_is_no_missing_right(server: KubernetesServer) -> None:
    stays(server, status(403, QUOTA))
    failure = failure_of(server)
    assert failure.message.startswith("the cluster c-1: Quota team has no room for its RayJob")
    assert "right" not in failure.hint
    assert (failure.cause, failure.place) == (Cause.START_FAILED, Place(kind="cluster"))


def test_what_the_schema_refuses_is_the_users_input(server: KubernetesServer) -> None:
    stays(server, status(422, 'RayJob.ray.io "c-1" is invalid: spec.x: Required value'))
    assert failure_of(server).cause is Cause.BAD_INPUT


def test_a_kubernetes_without_kuberay_is_named(server: KubernetesServer) -> None:
    answers(server, (404, b"404 page not found"), to="GET")
    assert "KubeRay is not installed" in failure_of(server).message


def test_a_namespace_that_does_not_exist_is_named(server: KubernetesServer) -> None:
    stays(server, status(404, f'namespaces "{CONFIG.namespace}" not found'))
    assert f"There is no namespace {CONFIG.namespace}" in failure_of(server).message


def test_an_account_that_may_not_is_told_that_it_lacks_a_right(server: KubernetesServer) -> None:
    stays(server, status(403, NO_RIGHT))
    with pytest.raises(ApiForbiddenError, match="ada") as raised:
        created(server)
    assert "lacks a right" in raised.value.hint


def test_one_of_this_name_is_for_who_asked_to_adopt(server: KubernetesServer) -> None:
    server.make("rayjobs", ray_job("c-1", cluster(), CONFIG))
    with pytest.raises(ObjectConflictError):
        created(server)


def test_a_webhook_that_does_not_answer_is_told_once_while_it_is_tried_again(
    server: KubernetesServer,
) -> None:
    answers(server, status(500, WEBHOOK), status(500, WEBHOOK))
    told: list[str] = []
    assert created(server, told)["metadata"]["name"] == "c-1"
    assert [one.partition(",")[0] for one in told] == [
        "starting: The admission webhook mrayjob.kb.io does not answer"
    ]


def test_a_webhook_that_stays_away_is_the_cause_and_not_the_api_server(
    server: KubernetesServer,
) -> None:
    stays(server, status(500, WEBHOOK))
    assert "webhook mrayjob.kb.io does not answer" in failure_of(server).message


def test_an_api_server_that_stays_away_is_that(server: KubernetesServer) -> None:
    stays(server, status(503, "Service Unavailable"))
    with pytest.raises(ApiAwayError):
        created(server)
