"""A person's cluster goes if it does not start and this call made it; unseen, it is not gone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.interface import Cluster
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.head_address import LOST_AFTER_S
from ml_platform.clusters.kuberay.interactive import InteractiveClusters
from ml_platform.clusters.kuberay.interactive_manifest import Wanted
from ml_platform.clusters.kuberay.start import CLUSTERS, PODS
from ml_platform.errors import ClusterStartError, InputError
from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.clusters import CONFIG, cluster
from tests.unit.clusters.kuberay.kubernetes_server import (
    KubernetesServer,
    Reply,
    forbidden,
    kubernetes_server,
    status,
)
from tests.unit.clusters.kuberay.objects import container, ended, pod, waiting
from tests.unit.clusters.kuberay.ready_clusters import make_ready
from tests.unit.clusters.kuberay.soon import is_so_soon

WANTED = Wanted(name="dev-ada", spec=cluster(), owner="ada@laptop", ttl_s=3600)
CRASHING = container("ray-head", state=waiting("CrashLoopBackOff"), last=ended(2), restarts=3)
AWAY = status(503, "apiserver not ready")


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    """A server whose clusters cannot start."""
    with kubernetes_server() as server:
        server.make(PODS, pod("h", head=True, phase="Running", containers=[CRASHING]))
        yield server


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def clusters(server: KubernetesServer) -> InteractiveClusters:
    time = FakeTime()
    api = KubernetesApi(server.access, away_s=10, clock=time.clock, sleep=time.sleep)
    config = replace(CONFIG, token_auth=False, max_clusters=2)
    return InteractiveClusters(config, api=api, clock=time.clock, sleep=time.sleep)


@pytest.fixture
def up(clusters: InteractiveClusters, told: list[Event]) -> Callable[..., object]:
    return lambda: clusters.up(WANTED, Recorder(told.append))


@pytest.fixture
def used(server: KubernetesServer, clusters: InteractiveClusters) -> Cluster:
    """One that is ready."""
    clusters.up(WANTED, Recorder(), wait=False)
    server.objects[PODS].clear()
    make_ready(server, WANTED.name)
    (job,) = jobs(server)
    status = {"jobDeploymentStatus": "Waiting", "rayClusterName": "c"}
    server.replace("rayjobs", job, {"status": status})
    return clusters.cluster(WANTED.name)


def jobs(server: KubernetesServer) -> list[Any]:
    return server.objects.get("rayjobs", [])


def watching(server: KubernetesServer) -> int:
    """How many watches are open."""
    return sum(one.watches for one in server.changes.values())


def after_a_create(server: KubernetesServer, *replies: Reply | None) -> None:
    """What is answered to creates when they are done, one after another."""
    left = iter(replies)

    def after(method: str, path: str) -> Reply | None:
        if method == "DELETE":
            for one in [*server.objects[PODS]]:
                server.remove(PODS, one["metadata"]["name"])
        return next(left, None) if method == "POST" else None

    server.after = after


def test_one_that_does_not_start_is_removed(
    server: KubernetesServer, up: Callable[..., object]
) -> None:
    after_a_create(server)
    with pytest.raises(ClusterStartError, match="has failed 4 times"):
        up()
    assert jobs(server) == []


def test_one_whose_creates_answer_was_lost_is_removed_too(
    server: KubernetesServer, up: Callable[..., object]
) -> None:
    after_a_create(server, AWAY)
    with pytest.raises(ClusterStartError, match="has failed 4 times"):
        up()
    assert jobs(server) == []


def test_one_that_an_earlier_call_has_made_stays(
    server: KubernetesServer, clusters: InteractiveClusters, up: Callable[..., object]
) -> None:
    after_a_create(server)
    clusters.up(WANTED, Recorder(), wait=False)
    with pytest.raises(ClusterStartError, match="has failed 4 times"):
        up()
    assert len(jobs(server)) == 1


def test_one_too_many_of_those_made_at_once_is_taken_back(
    server: KubernetesServer, up: Callable[..., object]
) -> None:
    def others(method: str, path: str) -> None:
        if method == "POST":
            for number in range(2):
                older = {"name": f"other-{number}", "creationTimestamp": "2020-01-02T06:00:00Z"}
                server.make("rayjobs", {"metadata": older})

    after_a_create(server)
    server.before = others
    with pytest.raises(ClusterStartError, match="as many clusters as it may have, 2"):
        up()
    assert [one["metadata"]["name"] for one in jobs(server)] == ["other-0", "other-1"]


def test_why_it_does_not_start_is_told_though_it_cannot_be_removed(
    server: KubernetesServer, up: Callable[..., object], told: list[Event]
) -> None:
    server.before = lambda method, path: AWAY if method == "DELETE" else None
    with pytest.raises(ClusterStartError, match="has failed 4 times"):
        up()
    assert "dev-ada could not be removed" in told[-1].detail


def test_one_beside_a_foreign_ray_cluster_of_its_name_is_refused_before_it_is_made(
    server: KubernetesServer, up: Callable[..., object]
) -> None:
    foreign = server.make(CLUSTERS, {"metadata": {"name": WANTED.name}})
    with pytest.raises(InputError, match="there is a RayCluster dev-ada") as raised:
        up()
    assert "--name" in raised.value.hint
    assert server.objects[CLUSTERS] == [foreign]
    assert jobs(server) == []


def test_it_is_lost_no_sooner_than_that_of_an_attempt(used: Cluster) -> None:
    assert used.lost_after_s == LOST_AFTER_S


def test_the_end_of_one_that_is_watched_is_seen_without_a_request(
    server: KubernetesServer, clusters: InteractiveClusters, used: Cluster
) -> None:
    with clusters.watched(WANTED.name) as watched:
        assert is_so_soon(lambda: watching(server) >= 2)
        asked = len(server.requests)
        assert not watched.is_gone()
        server.remove("rayjobs", WANTED.name)
        assert is_so_soon(watched.is_gone)
        assert len(server.requests) == asked


def test_one_that_is_watched_and_away_is_not_gone(
    server: KubernetesServer, clusters: InteractiveClusters, used: Cluster
) -> None:
    with clusters.watched(WANTED.name) as watched:
        assert is_so_soon(lambda: watching(server) >= 2)
        server.before = lambda method, path: AWAY
        for kind in ("rayjobs", "pods"):
            server.changes[kind].put("no JSON")
        assert not watched.is_gone()
        server.before = lambda method, path: None
        server.remove("rayjobs", WANTED.name)
        assert is_so_soon(watched.is_gone)


@pytest.mark.parametrize("reply", [AWAY, forbidden()])
def test_one_of_which_nothing_is_known_is_not_gone(
    server: KubernetesServer, used: Cluster, reply: Reply
) -> None:
    server.before = lambda method, path: reply
    assert not used.is_gone()
    server.before = lambda method, path: None
    server.remove("rayjobs", WANTED.name)
    assert used.is_gone()


def test_to_remove_one_takes_a_list_two_watches_and_the_deletion(
    server: KubernetesServer, clusters: InteractiveClusters, used: Cluster
) -> None:
    server.objects[PODS].clear()
    server.requests.clear()
    assert clusters.down("", WANTED.owner) == WANTED.name
    assert jobs(server) == []
    its = [path.partition("/namespaces/")[2].partition("/")[2] for path in server.requests]
    # The list that names it; of jobs and of pods each a list and a watch; a last look for pods that
    # were made just before the end. By its name it is deleted, and looked for where the watch began
    # too late to have seen it go.
    assert [its.count(what) for what in ("rayjobs", "pods")] == [3, 3]
    assert len(its) - 6 in (1, 2)


def test_another_of_its_name_that_was_made_meanwhile_is_not_removed(
    server: KubernetesServer, clusters: InteractiveClusters, used: Cluster
) -> None:
    def others(method: str, path: str) -> Reply | None:
        if method == "DELETE":
            (job,) = jobs(server)
            server.replace("rayjobs", job, {"metadata": {"uid": "another"}})
        return None

    server.objects[PODS].clear()
    server.before = others
    clusters.down(WANTED.name, WANTED.owner)
    assert [one["metadata"]["uid"] for one in jobs(server)] == ["another"]


def test_that_of_another_is_not_removed(
    server: KubernetesServer, clusters: InteractiveClusters, used: Cluster
) -> None:
    with pytest.raises(InputError, match="is ada@laptop's, and you are bob"):
        clusters.down(WANTED.name, "bob")
    assert len(jobs(server)) == 1
