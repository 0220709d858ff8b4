"""A watch outlives what is no word of the API server's, and refusals that pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.watch import HEARD_WITHIN_S, Subject, Watch
from ml_platform.clusters.refusals import AT_FIRST_S, PASSING_S
from ml_platform.errors import ApiForbiddenError
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.kubernetes_server import (
    KubernetesServer,
    Reply,
    forbidden,
    kubernetes_server,
)
from tests.unit.clusters.kuberay.objects import pod
from tests.unit.clusters.kuberay.soon import WITHIN_S, is_so_soon

PODS = Subject(name="pods", path="/pods")
OPTIONAL = Subject(
    name="workloads", path="workloads", group="kueue.x-k8s.io", versions=("v1beta1",)
)
EXPIRED = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        server.objects["pods"] = [pod("one")]
        yield server


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def watching(
    server: KubernetesServer, time: FakeTime
) -> Callable[..., AbstractContextManager[Watch]]:
    return partial(Watch, server.access, clock=time.clock)


def names(watch: Watch) -> list[str]:
    return [str(one["metadata"]["name"]) for one in watch.objects("pods")]


def is_refused(watch: Watch, name: str = "pods") -> bool:
    try:
        watch.objects(name)
    except ApiForbiddenError:
        return True
    return False


def begins(server: KubernetesServer, reply: Reply | None) -> None:
    server.before = lambda method, path: reply


def asked(server: KubernetesServer) -> int:
    """How often; who asks again has taken the answer before."""
    return len(server.requests)


@pytest.mark.parametrize("one", [{}, {"metadata": {}}, {"metadata": {"name": "two"}}, "two", None])
def test_an_event_without_an_object_is_a_stream_that_broke(
    server: KubernetesServer, watching: Callable[..., Watch], one: Object | str | None
) -> None:
    with watching([PODS]) as watch:
        assert watch.wait_for_lists(WITHIN_S)
        server.objects["pods"] = [pod("one"), pod("two")]
        server.changes["pods"].put({"type": "ADDED", "object": one})
        assert is_so_soon(lambda: names(watch) == ["one", "two"])


@pytest.mark.parametrize(
    "body", [b"<html>Sign in</html>", b"{}", b'{"kind": "PodList", "items": []}']
)
def test_a_list_of_somebody_elses_is_asked_for_again(
    server: KubernetesServer, watching: Callable[..., Watch], body: bytes
) -> None:
    with watching([PODS]) as watch:
        assert watch.wait_for_lists(WITHIN_S)
        begins(server, (200, body))
        server.changes["pods"].put(EXPIRED)
        before = asked(server)
        assert is_so_soon(lambda: asked(server) > before + 1)
        assert names(watch) == ["one"]
        server.objects["pods"] = [pod("two")]
        begins(server, None)
        assert is_so_soon(lambda: names(watch) == ["two"])


def test_a_refusal_that_passes_is_not_told(
    server: KubernetesServer, watching: Callable[..., Watch], time: FakeTime
) -> None:
    begins(server, forbidden("pods"))
    with watching([PODS], still_grants=lambda: False) as watch:
        assert is_so_soon(lambda: asked(server) > 1)
        time.sleep(PASSING_S - 1)
        assert is_so_soon(lambda: asked(server) > 3)
        assert watch.objects("pods") == ()
        begins(server, None)
        assert is_so_soon(lambda: names(watch) == ["one"])


def test_a_refusal_that_stays_is_told(
    server: KubernetesServer, watching: Callable[..., Watch], time: FakeTime
) -> None:
    begins(server, forbidden("pods"))
    with watching([PODS]) as watch:
        assert is_so_soon(lambda: asked(server) > 1)
        time.sleep(AT_FIRST_S)
        assert watch.wait_for_lists(WITHIN_S)
        with pytest.raises(ApiForbiddenError, match='User "ada" cannot'):
            watch.objects("pods")


def test_a_connection_that_is_granted_again_ends_a_refusal_though_nothing_changes(
    server: KubernetesServer, watching: Callable[..., Watch], time: FakeTime
) -> None:
    with watching([PODS]) as watch:
        assert watch.wait_for_lists(WITHIN_S)
        begins(server, forbidden("pods"))
        server.changes["pods"].put("no JSON")
        before = asked(server)
        assert is_so_soon(lambda: asked(server) > before + 1)
        time.sleep(PASSING_S)
        assert is_so_soon(lambda: is_refused(watch))
        begins(server, None)
        assert is_so_soon(lambda: not is_refused(watch))
        assert names(watch) == ["one"]


def test_what_need_not_be_there_keeps_nobody_waiting_when_it_is_refused(
    server: KubernetesServer, watching: Callable[..., Watch]
) -> None:
    server.refused["kueue.x-k8s.io"] = 403
    with watching([OPTIONAL]) as watch:
        assert watch.wait_for_lists(WITHIN_S)
        assert is_refused(watch, "workloads")


def test_a_connection_of_which_nothing_is_heard_counts_as_broken_after_a_while(
    server: KubernetesServer, time: FakeTime, watching: Callable[..., AbstractContextManager[Watch]]
) -> None:
    with watching([PODS]) as watch:
        assert is_so_soon(lambda: watch.is_current("pods"))
        time.sleep(HEARD_WITHIN_S - 1)
        assert watch.is_current("pods")
        time.sleep(2)
        assert not watch.is_current("pods")
        server.make("pods", pod("two"))
        assert is_so_soon(lambda: watch.is_current("pods"))
