"""A client behind the proxy meets an API server that fails on demand; all others do not."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.faults.api_script import Answer, Cut, Delay, LoseAnswer, Truncate
from tests.kubernetes.testbed.cluster import Cluster, ClusterError

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[ApiProxy]:
    """A proxy of this test's own."""
    with in_front_of(cluster) as it:
        yield it


@pytest.fixture
def api(proxy: ApiProxy) -> Iterator["CoreV1Api"]:
    """A client behind the proxy, which does not try again by itself."""
    from kubernetes.client import CoreV1Api

    with proxy.cluster.client() as client:
        client.configuration.retries = False
        yield CoreV1Api(client)


@pytest.mark.parametrize("status", [500, 503])
def test_a_client_sees_the_failure_as_often_as_asked_and_then_success(
    proxy: ApiProxy, api: "CoreV1Api", status: int
) -> None:
    from kubernetes.client import ApiException

    with proxy.failing(Answer(status=status), path="/nodes", times=2):
        for _ in range(2):
            with pytest.raises(ApiException) as raised:
                api.list_node()
            assert raised.value.status == status
        assert api.list_node().items


def test_a_client_told_to_come_later_is_told_when(proxy: ApiProxy, api: "CoreV1Api") -> None:
    from kubernetes.client import ApiException

    with (
        proxy.failing(Answer(status=429, retry_after_s=7), path="/nodes"),
        pytest.raises(ApiException) as raised,
    ):
        api.list_node()
    assert raised.value.status == 429
    assert raised.value.headers["Retry-After"] == "7"
    assert api.list_node().items


def test_kubectl_waits_as_it_is_told_and_then_succeeds(proxy: ApiProxy) -> None:
    with proxy.failing(Answer(status=429, retry_after_s=1), path="/nodes", times=1):
        assert "node/" in proxy.cluster.kubectl("get", "nodes", "--output=name")
    asked = [seen.action for seen in proxy.seen if "/nodes" in seen.path]
    assert asked == [Answer(status=429, retry_after_s=1), None]


def test_only_the_chosen_requests_fail(proxy: ApiProxy, api: "CoreV1Api", namespace: str) -> None:
    from kubernetes.client import ApiException

    body = {"metadata": {"name": "made"}}
    with proxy.failing(Answer(status=500), method="POST", path="/configmaps", skip=1):
        api.create_namespaced_config_map(namespace, body)
        api.list_namespaced_config_map(namespace)
        with pytest.raises(ApiException):
            api.create_namespaced_config_map(namespace, {"metadata": {"name": "refused"}})


def test_clients_that_are_not_behind_the_proxy_notice_nothing(
    proxy: ApiProxy, cluster: Cluster
) -> None:
    with proxy.failing(Answer(status=500)), pytest.raises(ClusterError):
        proxy.cluster.kubectl("get", "nodes")
    with proxy.failing(Answer(status=500)):
        assert cluster.kubectl("get", "nodes", "--output=name")


def test_a_fault_ends_with_its_body_also_if_that_raises(proxy: ApiProxy, api: "CoreV1Api") -> None:
    with pytest.raises(ZeroDivisionError), proxy.failing(Answer(status=500)):
        raise ZeroDivisionError
    assert api.list_node().items


def test_a_delayed_request_comes_through_late(proxy: ApiProxy, api: "CoreV1Api") -> None:
    before = time.monotonic()
    with proxy.failing(Delay(seconds=1.5), path="/nodes"):
        assert api.list_node().items
    assert time.monotonic() - before >= 1.5


def test_a_lost_answer_hides_from_the_client_what_was_done(
    proxy: ApiProxy, api: "CoreV1Api", namespace: str
) -> None:
    from urllib3.exceptions import HTTPError

    body = {"metadata": {"name": "made"}}
    with proxy.failing(LoseAnswer(), method="POST"), pytest.raises(HTTPError):
        api.create_namespaced_config_map(namespace, body)
    assert api.read_namespaced_config_map("made", namespace).metadata.name == "made"


def test_a_cut_watch_breaks_after_the_events_that_came(
    proxy: ApiProxy, api: "CoreV1Api", namespace: str
) -> None:
    from urllib3.exceptions import ProtocolError

    seen = _two_maps(api, namespace)
    names = []
    with (
        proxy.failing(Cut(after_lines=1), path="watch="),
        pytest.raises(ProtocolError),
    ):
        for event in _watch(api, namespace, seen):
            names.append(event["object"].metadata.name)  # noqa: PERF401 - what came before it broke
    assert names == ["first"]
    assert [e["object"].metadata.name for e in _watch(api, namespace, seen)] == ["first", "second"]


def test_a_truncated_line_ends_a_watch_without_an_error(
    proxy: ApiProxy, api: "CoreV1Api", namespace: str
) -> None:
    seen = _two_maps(api, namespace)
    with proxy.failing(Truncate(after_lines=1), path="watch="):
        told = api.list_namespaced_config_map(
            namespace,
            resource_version=seen,
            watch=True,
            timeout_seconds=1,
            _preload_content=False,
        ).data.decode()
        events = [e["object"].metadata.name for e in _watch(api, namespace, seen)]
    whole, half = told.split("\n")
    assert whole.endswith("}")
    assert half.startswith('{"type":"ADDED"')
    assert not half.endswith("}")
    # The client drops half a line in silence, and goes on from the last whole one.
    assert events == ["first"]


def test_a_proxy_ends_though_a_watch_is_open(cluster: Cluster) -> None:
    from kubernetes.client import CoreV1Api

    with in_front_of(cluster) as proxy, proxy.cluster.client() as client:
        stream = CoreV1Api(client).list_node(watch=True, _preload_content=False)
        before = time.monotonic()
    assert time.monotonic() - before < 5
    stream.close()


def _two_maps(api: "CoreV1Api", namespace: str) -> str:
    """Makes two objects; the version before them."""
    seen = str(api.list_namespaced_config_map(namespace).metadata.resource_version)
    for name in ("first", "second"):
        api.create_namespaced_config_map(namespace, {"metadata": {"name": name}})
    return seen


def _watch(api: "CoreV1Api", namespace: str, seen: str) -> Iterator[dict[str, Any]]:
    from kubernetes.watch import Watch

    maps = api.list_namespaced_config_map
    yield from Watch().stream(maps, namespace, resource_version=seen, timeout_seconds=1)
