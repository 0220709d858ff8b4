"""A watch keeps the last state of what has vanished."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.start import CLUSTERS, EVENTS, JOBS, PODS, seen_by
from ml_platform.clusters.kuberay.watch import MOST_GONE, Subject, Watch
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server
from tests.unit.clusters.kuberay.objects import container, ended, event, pod, running

Tell = Callable[..., None]
SUBJECTS = [Subject(name=one, path=f"/{one}") for one in (JOBS, CLUSTERS, PODS, EVENTS)]
EXPIRED = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}


def in_cluster(name: str, **fields: Any) -> Object:
    one = pod(name, **fields)
    one["metadata"]["labels"]["ray.io/cluster"] = "c-abcde"
    return one


def of_before(name: str) -> Object:
    one = in_cluster(name)
    one["metadata"]["labels"]["ray.io/cluster"] = "c-old"
    return one


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        cluster = {"metadata": {"name": "c-abcde", "uid": "cluster"}}
        server.objects = {
            "rayclusters": [cluster],
            "pods": [in_cluster("w", containers=[container(state=running())])],
            "events": [
                {**event("Evicted", "The node was low on memory", "w"), "metadata": {"uid": "e"}}
            ],
        }
        yield server


@pytest.fixture
def watch(server: KubernetesServer) -> Iterator[Watch]:
    with Watch(server.access, SUBJECTS) as watch:
        assert watch.wait_for_lists(10)
        yield watch


@pytest.fixture
def tell(server: KubernetesServer) -> Tell:
    def tell(kind: str, one: Object) -> None:
        meta = {**one["metadata"], "resourceVersion": "2"}
        server.changes["pods"].put({"type": kind, "object": {**one, "metadata": meta}})

    return tell


def gone_names(watch: Watch, wanted: int) -> list[str]:
    """Names of the gone pods, once the last of so many changes is there."""
    deadline = time.monotonic() + 10
    while len(watch.gone(PODS)) < wanted and time.monotonic() < deadline:
        watch.wait(watch.changes, 0.1)
    return [str(one["metadata"]["name"]) for one in watch.gone(PODS)]


def test_a_pod_that_was_deleted_is_kept_with_its_last_state_and_its_events(
    watch: Watch, tell: Tell
) -> None:
    tell("DELETED", in_cluster("w", containers=[container(state=ended(137, "OOMKilled"))]))
    assert gone_names(watch, 1) == ["w"]
    seen = seen_by(watch, "u", 0.0)
    (status,) = seen.gone[0]["status"]["containerStatuses"]
    assert status["state"]["terminated"]["reason"] == "OOMKilled"
    assert seen.pods == ()
    assert [one["reason"] for one in seen.events] == ["Evicted"]


def test_a_pod_that_vanished_while_nobody_looked_is_kept_as_it_was_seen(
    server: KubernetesServer, watch: Watch
) -> None:
    server.objects["pods"] = []
    server.changes["pods"].put(EXPIRED)
    assert gone_names(watch, 1) == ["w"]


def test_pods_of_another_ray_cluster_of_the_name_are_not_taken_for_its_own(
    watch: Watch, tell: Tell
) -> None:
    tell("DELETED", of_before("of-another"))
    assert gone_names(watch, 1) == ["of-another"]
    assert seen_by(watch, "u", 0.0).gone == ()


def test_after_a_suspension_the_pods_of_before_are_not_taken_for_its_own(
    server: KubernetesServer,
) -> None:
    """Kubernetes collects those of a RayCluster that is gone when it comes to it."""
    before = {"name": "c-old", "uid": "old", "deletionTimestamp": "2026-11-29T10:00:00Z"}
    server.objects["rayclusters"].append({"metadata": before})
    server.objects["pods"].append(of_before("left"))
    with Watch(server.access, SUBJECTS) as watch:
        assert watch.wait_for_lists(10)
        seen = seen_by(watch, "u", 0.0)
    assert seen.ray_cluster is not None
    assert seen.ray_cluster["metadata"]["name"] == "c-abcde"
    assert [one["metadata"]["name"] for one in seen.pods] == ["w"]


def test_the_oldest_are_forgotten(watch: Watch, tell: Tell) -> None:
    for number in range(MOST_GONE + 1):
        tell("DELETED", in_cluster(f"p-{number}"))
    tell("DELETED", in_cluster("last"))
    deadline = time.monotonic() + 10
    while gone_names(watch, MOST_GONE)[-1] != "last" and time.monotonic() < deadline:
        watch.wait(watch.changes, 0.1)
    assert gone_names(watch, MOST_GONE)[0] == "p-2"


def test_who_waits_for_a_watch_that_is_over_is_told_so_at_once(server: KubernetesServer) -> None:
    with Watch(server.access, SUBJECTS) as watch:
        assert watch.wait_for_lists(10)
    began = time.monotonic()
    assert not watch.list_anew(30)
    assert watch.wait(watch.changes, 30) == watch.changes
    assert time.monotonic() - began < 10
