"""How long a cluster may take to go: only while it is seen to be there; seeing it asks nothing."""

import threading
from collections.abc import Iterator

import pytest

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.removal import GONE_WITHIN_S, Removal
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.start import JOBS, PODS
from ml_platform.clusters.kuberay.subjects import life
from ml_platform.clusters.kuberay.watch import Watch
from ml_platform.clusters.kuberay.watched_limit import LONGEST_LOOK_S
from ml_platform.errors import ClusterError, ClusterLeftError
from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.clusters import CONFIG
from tests.unit.clusters.kuberay.kubernetes_server import (
    KubernetesServer,
    Reply,
    kubernetes_server,
    status,
)
from tests.unit.clusters.kuberay.objects import pod
from tests.unit.clusters.kuberay.soon import is_so_soon
from tests.unit.clusters.kuberay.watch_in_time import WatchInTime

UID = "rayjobs-1"
GOING_S = 1.0
OURS = {labels.ENVIRONMENT: labels.label_value(CONFIG.environment)}


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        server.make("rayjobs", {"metadata": {"name": "c", "labels": OURS}})
        server.lingers = True
        yield server


@pytest.fixture
def there(server: KubernetesServer) -> Object:
    (job,) = server.objects["rayjobs"]
    return job


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def removal(server: KubernetesServer, time: FakeTime) -> Removal:
    api = KubernetesApi(server.access, clock=time.clock, sleep=time.sleep)
    return Removal(api, "ns", clock=time.clock)


@pytest.fixture
def watch(server: KubernetesServer) -> Iterator[Watch]:
    with Watch(server.access, life("ns", "c")) as watch:
        assert is_so_soon(lambda: watch.is_current(JOBS, PODS))
        yield watch


def asked_for(server: KubernetesServer, end: str) -> int:
    return sum(path.endswith(end) for path in server.requests)


def test_one_that_stays_is_told_after_its_time(
    removal: Removal, time: FakeTime, there: Object
) -> None:
    began = time.now
    with pytest.raises(ClusterError, match="the RayJob of c is not gone after 60 s"):
        removal.remove("c", UID, WatchInTime(time, {0.0: {JOBS: (there,)}}))
    assert time.now - began == pytest.approx(GONE_WITHIN_S, abs=2 * LONGEST_LOOK_S)


def test_an_outage_is_no_time_in_which_it_refused_to_go(
    server: KubernetesServer, removal: Removal, time: FakeTime, there: Object
) -> None:
    away_s, going_s = 2 * GONE_WITHIN_S, GONE_WITHIN_S / 2
    back_at = time.now + away_s

    def befalls(method: str, path: str) -> Reply | None:
        if method == "GET" and time.now < back_at:
            return status(503, "apiserver not ready")
        if time.now >= back_at + going_s and server.found("rayjobs", "c"):
            server.remove("rayjobs", "c")
        return None

    server.before = befalls
    told: list[Event] = []
    timeline = {0.0: {JOBS: (there,)}, away_s + going_s: {}}
    watch = WatchInTime(time, timeline, broken_s=away_s)
    removal.after_success("c", UID, watch, Recorder(told.append))
    assert told == []
    assert time.now == back_at + going_s


def test_while_it_goes_nothing_is_asked(
    server: KubernetesServer, removal: Removal, watch: Watch
) -> None:
    threading.Timer(GOING_S, server.remove, ("rayjobs", "c")).start()
    removal.remove("c", UID, watch)
    assert server.found("rayjobs", "c") is None
    assert asked_for(server, "/rayjobs/c") == 1  # the deletion


def test_one_that_no_watch_has_shown_yet_is_asked_for(
    server: KubernetesServer, removal: Removal, time: FakeTime
) -> None:
    server.lingers = False
    removal.remove("c", UID, WatchInTime(time, {}))
    assert asked_for(server, "/rayjobs/c") == 2


def test_a_cluster_that_is_stopped_costs_no_request_while_its_pods_go(
    server: KubernetesServer,
) -> None:
    server.lingers = False
    server.make("pods", pod("c-head", head=True))
    threading.Timer(GOING_S, server.remove, ("pods", "c-head")).start()
    EphemeralProvisioner(CONFIG, api=server.api).stop("c")
    # Looked at, listed and watched, and listed once more when none was left.
    assert asked_for(server, "/pods") == 4
    # Looked at and deleted; its watch has told its end, unless that came before it.
    assert asked_for(server, "/rayjobs/c") <= 3


def test_what_a_lost_cluster_left_and_cannot_be_removed_now_is_told_as_left(
    server: KubernetesServer, there: Object
) -> None:
    was = {"metadata": {"annotations": {labels.INCARNATION: "the first"}}}
    server.replace("rayjobs", there, was)
    provisioner = EphemeralProvisioner(CONFIG, api=server.api, gone_within_s=1.0)
    with pytest.raises(ClusterLeftError, match="the RayJob of c is not gone after 1 s"):
        provisioner.clear("c")
    server.before = lambda method, path: status(503, "apiserver not ready")
    with pytest.raises(ClusterLeftError, match="does not answer"):
        provisioner.clear("c")
