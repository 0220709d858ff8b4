"""The cluster of an attempt is made once, whatever befalls the requests that make it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from ml_platform.clusters.interface import Cluster, ClusterRequest
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.kuberay.removal import GONE_WITHIN_S
from ml_platform.clusters.refusals import PASSING_S
from ml_platform.errors import ClusterStartError
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
from tests.unit.clusters.kuberay.ready_clusters import make_ready
from tests.unit.clusters.kuberay.recorded import time_text
from tests.unit.clusters.kuberay.soon import is_so_soon

NAME = "a-model-1"
OURS = replace(CONFIG, token_auth=False, max_clusters=2)
SPEC = cluster(image="registry.example/platform:1", workers={"count": 1})
REQUEST = ClusterRequest(name=NAME, spec=SPEC, holder="a-model", run="run")
FIRST, SECOND = "rayjobs-4", "rayjobs-5"
"""Uids: two pods and a RayCluster are there before."""
Acquire = Callable[..., list[str]]
"""Acquires the cluster, uses it and gives it back; the uids of the RayJobs while it was used."""
READY = {"type": "Ready"}
AWAY = status(503, "apiserver not ready")


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        make_ready(server, NAME)
        yield server


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def acquire(server: KubernetesServer, time: FakeTime, events: list[Event]) -> Acquire:
    def acquire(use: Callable[[Cluster], object] = str, **gone: Any) -> list[str]:
        api = KubernetesApi(server.access, clock=time.clock, sleep=time.sleep)
        times = {"clock": time.clock, "sleep": time.sleep} | gone
        provisioner = EphemeralProvisioner(OURS, api=api, **times)
        with provisioner.acquire(REQUEST, Recorder(events.append)) as cluster:
            used = jobs(server)
            use(cluster)
        return used

    return acquire


def put(server: KubernetesServer, *, of: KubeRayConfig = OURS, memory: str = "4Gi") -> None:
    """Somebody else makes the cluster."""
    spec = SPEC.model_copy(update={"head": SPEC.head.model_copy(update={"memory": memory})})
    server.make("rayjobs", ray_job(NAME, spec, of, holder="another", annotations={}))


def jobs(server: KubernetesServer) -> list[str]:
    return [str(one["metadata"]["uid"]) for one in server.objects.get("rayjobs", [])]


def put_others(server: KubernetesServer, made_at: str) -> None:
    """Others make as many as there may be."""
    for number in range(OURS.max_clusters):
        server.make(
            "rayjobs", {"metadata": {"name": f"other-{number}", "creationTimestamp": made_at}}
        )


def asked_for_pods(server: KubernetesServer) -> int:
    return sum(path.endswith("/pods") for path in server.requests)


def at_first(server: KubernetesServer, method: str, do: Callable[[], object]) -> None:
    """Before the first request of this method is done, something happens."""
    asked = iter([method])

    def before(how: str, path: str) -> None:
        if how == method and next(asked, None):
            do()

    server.before = before


def test_a_create_whose_answer_was_lost_before_an_outage_is_ours(
    server: KubernetesServer, acquire: Acquire, time: FakeTime
) -> None:
    back_at = 0.0

    def lose(method: str, path: str) -> Reply | None:
        nonlocal back_at
        if method == "POST" and not back_at:
            back_at = time.now + 2 * GONE_WITHIN_S
            return AWAY
        return None

    server.after = lose
    server.before = lambda method, path: AWAY if time.now < back_at else None
    assert acquire() == [FIRST]
    assert jobs(server) == []


def test_one_of_before_that_goes_after_an_outage_is_replaced(
    server: KubernetesServer, acquire: Acquire, time: FakeTime
) -> None:
    put(server, memory="5Gi")
    server.lingers = True
    back_at = 0.0

    def away(method: str, path: str) -> Reply | None:
        if back_at and time.now >= back_at and server.lingers:
            server.lingers = False
            server.remove("rayjobs", NAME)
        return AWAY if time.now < back_at else None

    def begin(method: str, path: str) -> None:
        nonlocal back_at
        if method == "DELETE" and not back_at:
            back_at = time.now + 2 * GONE_WITHIN_S
            server.changes["rayjobs"].put("no JSON")  # its watches break, too

    server.before, server.after = away, begin
    assert acquire() == [SECOND]


def test_one_of_before_that_does_not_go_is_told(server: KubernetesServer, acquire: Acquire) -> None:
    put(server, memory="5Gi")
    server.lingers = True
    with pytest.raises(ClusterStartError, match="a-model-1 of before is not gone in time"):
        acquire(clock=monotonic, gone_within_s=1.0)


def test_one_that_was_made_between_our_look_and_our_create_is_adopted(
    server: KubernetesServer, acquire: Acquire
) -> None:
    at_first(server, "POST", lambda: put(server))
    assert acquire() == [FIRST]


def test_one_that_was_first_and_is_gone_when_we_look_is_made_by_us(
    server: KubernetesServer, acquire: Acquire
) -> None:
    at_first(server, "POST", lambda: put(server))

    def remove_it(method: str, path: str) -> None:
        if method == "POST" and jobs(server) == [FIRST]:
            server.remove("rayjobs", NAME)

    server.after = remove_it
    assert acquire() == [SECOND]
    assert jobs(server) == []


def test_one_too_many_of_those_made_at_once_is_taken_back(
    server: KubernetesServer, acquire: Acquire
) -> None:
    at_first(server, "POST", lambda: put_others(server, "2020-01-02T06:00:00Z"))
    with pytest.raises(ClusterStartError, match="as many clusters as it may have, 2"):
        acquire()
    assert jobs(server) == [FIRST, SECOND]


def test_those_that_were_made_after_ours_take_no_room_from_it(
    server: KubernetesServer, acquire: Acquire
) -> None:
    at_first(server, "POST", lambda: put_others(server, "2999-01-02T06:00:00Z"))
    assert len(acquire()) == OURS.max_clusters + 1


def test_what_is_not_known_is_not_gone(
    server: KubernetesServer, acquire: Acquire, time: FakeTime
) -> None:
    def shut_out(cluster: Cluster) -> None:
        before = asked_for_pods(server)
        server.before = lambda method, path: forbidden("pods")
        server.changes["pods"].put("no JSON")
        assert is_so_soon(lambda: asked_for_pods(server) > before + 1)
        time.sleep(PASSING_S)
        assert is_so_soon(lambda: asked_for_pods(server) > before + 3)
        assert not cluster.is_gone()
        server.before = lambda method, path: None

    acquire(shut_out)


def test_a_job_that_kuberay_sees_run_is_vouched_for(
    server: KubernetesServer, acquire: Acquire
) -> None:
    def run(cluster: Cluster) -> None:
        vouches = cluster.vouches_for
        assert vouches is not None
        assert not vouches("job")
        (job,) = server.objects["rayjobs"]
        said = {"jobId": "job", "jobStatus": "RUNNING", "jobDeploymentStatus": "Running"}
        server.replace("rayjobs", job, {"status": said})
        assert is_so_soon(lambda: vouches("job"))

    acquire(run)


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_a_probe_that_fails_for_a_while_takes_nothing_from_a_cluster_in_use(
    server: KubernetesServer, acquire: Acquire, kind: str
) -> None:
    def flap(cluster: Cluster) -> None:
        name = f"{NAME}-{kind}"
        for ready in ("False", "True") * 5:
            one = server.found("pods", name)
            assert one is not None
            server.replace("pods", one, {"status": {"conditions": [READY | {"status": ready}]}})
            assert not cluster.is_gone()
        assert is_so_soon(lambda: server.changes["pods"].is_all_sent)
        assert not cluster.is_gone()

    assert acquire(flap) == [FIRST]


def test_one_whose_job_was_removed_is_gone(server: KubernetesServer, acquire: Acquire) -> None:
    def lose(cluster: Cluster) -> None:
        server.remove("rayjobs", NAME)
        assert is_so_soon(cluster.is_gone)

    acquire(lose)


def test_what_its_pods_were_at_and_its_removal_are_recorded(
    server: KubernetesServer, acquire: Acquire, events: list[Event]
) -> None:
    given = {"type": "PodScheduled", "status": "True", "lastTransitionTime": time_text(-2)}
    for one in server.objects["pods"]:
        one["metadata"]["creationTimestamp"] = time_text(-5)
        one["status"]["conditions"].append(given)
    acquire()
    told = [(one.name, one.state, one.seconds) for one in events if one.name != "cluster"]
    assert told == [
        ("scheduling", "ended", 3.0),
        ("removing", "began", None),
        ("removing", "ended", told[-1][2]),
    ]
