"""Requests outlive a server that is away, that starts, or in whose place somebody else answers."""

from collections.abc import Callable, Iterator

import pytest

from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.refusals import AT_FIRST_S, PASSING_S
from ml_platform.errors import ApiAwayError, ApiForbiddenError
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.kubernetes_server import (
    KubernetesServer,
    Reply,
    forbidden,
    kubernetes_server,
    status,
)

JOBS = "/apis/ray.io/v1/namespaces/ns/rayjobs"
PODS = "/api/v1/namespaces/ns/pods"
AWAY = status(503, "apiserver not ready")
PAGE = (200, b"<html>Sign in</html>")


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        yield server


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def api(server: KubernetesServer, time: FakeTime) -> KubernetesApi:
    return KubernetesApi(server.access, clock=time.clock, sleep=time.sleep)


@pytest.fixture
def begins(server: KubernetesServer, time: FakeTime) -> Callable[..., None]:
    """From now on the server gives an answer to all, or to requests of one path, for a while."""

    def begins(reply: Reply, *, for_s: float = 1e9, path: str = "") -> None:
        until = time.now + for_s
        before = server.before
        server.before = lambda method, asked: (
            reply if time.now < until and path in asked else before(method, asked)
        )

    return begins


@pytest.mark.parametrize("reply", [forbidden(), status(401, "Unauthorized")])
def test_a_server_that_starts_and_knows_no_rights_yet_is_waited_for(
    api: KubernetesApi, begins: Callable[..., None], reply: Reply
) -> None:
    api.list(JOBS)
    begins(reply, for_s=30)
    assert api.list(JOBS) == []


def test_a_right_that_is_missing_from_the_first_is_told_within_seconds(
    api: KubernetesApi, begins: Callable[..., None], time: FakeTime
) -> None:
    began = time.now
    begins(forbidden())
    with pytest.raises(ApiForbiddenError, match='User "ada" cannot'):
        api.list(JOBS)
    assert AT_FIRST_S < time.now - began < AT_FIRST_S + 3


def test_one_right_that_is_missing_beside_others_is_told_within_seconds(
    api: KubernetesApi, begins: Callable[..., None], time: FakeTime
) -> None:
    api.list(PODS)
    began = time.now
    begins(forbidden(), path="rayjobs")
    with pytest.raises(ApiForbiddenError, match='User "ada" cannot'):
        api.list(JOBS)
    assert time.now - began < AT_FIRST_S + 3


def test_an_account_that_stays_shut_out_is_told_after_a_minute(
    api: KubernetesApi, begins: Callable[..., None], time: FakeTime
) -> None:
    assert api.get(f"{JOBS}/none") is None
    began = time.now
    begins(forbidden())
    with pytest.raises(ApiForbiddenError):
        api.list(JOBS)
    assert PASSING_S <= time.now - began < PASSING_S + 3


def test_time_in_which_it_was_away_is_none_in_which_it_refused(
    api: KubernetesApi, begins: Callable[..., None]
) -> None:
    api.list(JOBS)
    begins(forbidden(), for_s=220)
    begins(AWAY, for_s=200)
    assert api.list(JOBS) == []


def test_somebody_elses_page_is_waited_out(api: KubernetesApi, begins: Callable[..., None]) -> None:
    begins(PAGE, for_s=120)
    assert api.get(f"{JOBS}/none") is None
    begins((404, b"<html>default backend</html>"), for_s=120)
    assert api.list(JOBS) == []


def test_somebody_elses_page_that_stays_is_named(
    api: KubernetesApi, begins: Callable[..., None]
) -> None:
    begins(PAGE)
    with pytest.raises(ApiAwayError, match="what came is no JSON: <html>Sign in"):
        api.list(JOBS)
    with pytest.raises(ApiAwayError, match="no JSON"):
        api.get_once(JOBS, within_s=1)
