"""How long a cluster may take to go: only while it is seen to be there."""

from collections.abc import Iterator

import pytest

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.removal import GONE_WITHIN_S, POLL_S, Removal
from ml_platform.clusters.kuberay.watched_limit import LONGEST_LOOK_S
from ml_platform.errors import ClusterError, ClusterLeftError
from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.clusters import CONFIG
from tests.unit.clusters.kuberay.kubernetes_server import (
    KubernetesServer,
    kubernetes_server,
    status,
)


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        server.make("rayjobs", {"metadata": {"name": "c"}})
        server.lingers = True
        yield server


class RareLooks(FakeTime):
    """Time in which a pause takes long, so that few looks fill it."""

    def sleep(self, seconds: float) -> None:
        super().sleep(LONGEST_LOOK_S if seconds == POLL_S else seconds)


@pytest.fixture
def time() -> FakeTime:
    return RareLooks()


@pytest.fixture
def api(server: KubernetesServer, time: FakeTime) -> KubernetesApi:
    return KubernetesApi(server.access, clock=time.clock, sleep=time.sleep)


@pytest.fixture
def removal(api: KubernetesApi, time: FakeTime) -> Removal:
    return Removal(api, "ns", clock=time.clock, sleep=time.sleep)


def test_one_that_stays_is_told_after_its_time(removal: Removal, time: FakeTime) -> None:
    began = time.now
    with pytest.raises(ClusterError, match="the RayJob of c is not gone after 60 s"):
        removal.remove("c", "rayjobs-1")
    assert time.now - began == pytest.approx(GONE_WITHIN_S, abs=2 * LONGEST_LOOK_S)


def test_an_outage_is_no_time_in_which_it_refused_to_go(
    server: KubernetesServer, removal: Removal, time: FakeTime
) -> None:
    back_at = time.now + 2 * GONE_WITHIN_S
    looks = iter(range(10))

    def befalls(method: str, path: str) -> tuple[int, bytes] | None:
        if method == "DELETE":
            return None
        if time.now < back_at:
            return status(503, "apiserver not ready")
        if next(looks, None) is None and server.found("rayjobs", "c"):
            server.remove("rayjobs", "c")
        return None

    server.before = befalls
    told: list[Event] = []
    removal.after_success("c", "rayjobs-1", Recorder(told.append))
    assert told == []
    assert time.now > back_at


def test_what_a_lost_cluster_left_and_cannot_be_removed_now_is_told_as_left(
    server: KubernetesServer, api: KubernetesApi, time: FakeTime
) -> None:
    (job,) = server.objects["rayjobs"]
    was = {"metadata": {"annotations": {labels.INCARNATION: "the first"}}}
    server.replace("rayjobs", job, was)
    provisioner = EphemeralProvisioner(CONFIG, api=api, clock=time.clock, sleep=time.sleep)
    with pytest.raises(ClusterLeftError, match="could not be removed: the RayJob of c is not gone"):
        provisioner.clear("c")
    server.before = lambda method, path: status(503, "apiserver not ready")
    with pytest.raises(ClusterLeftError, match="does not answer"):
        provisioner.clear("c")
