"""KubeRay tries ever more seldom; a cluster whose quota has room again does not wait for that."""

from collections.abc import Iterator

import pytest

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.reminder import EVERY_S, Reminder
from ml_platform.clusters.kuberay.seen import Seen
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.kubernetes_server import (
    KubernetesServer,
    Reply,
    kubernetes_server,
    status,
)
from tests.unit.clusters.kuberay.objects import event, pod, ray_cluster, ray_job, seen_of

CLUSTER = "/apis/ray.io/v1/namespaces/ns/rayclusters/c"
QUOTA = "exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5"


def refused(text: str) -> Seen:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreateWorkerPod"}
    return seen_of(ray_cluster=ray_cluster({**failure, "message": f"Failed\n{text}"}))


FULL = refused(QUOTA)
WELL = seen_of(ray_cluster=ray_cluster())


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        for kind in ("rayclusters", "rayjobs"):
            server.make(kind, {"metadata": {"name": "c"}})
        yield server


class Starting:
    """A start that looks each five seconds.

    Attributes:
        reminded: The second of each change that it asked for, and of what.
        reply: What the server answers to one, if not as it is asked.
    """

    def __init__(self, server: KubernetesServer) -> None:
        self.reminded: list[tuple[float, str]] = []
        self.reply: Reply | None = None
        self._time = FakeTime()
        self._began_s = self._time.now
        self._reminder = Reminder(server.api, "ns", clock=self._time.clock, now=self._time.clock)
        server.before = self._note

    def sees(self, seen: Seen, *, for_s: float) -> None:
        """This is what it sees for so long."""
        until_s = self._time.now + for_s
        while self._time.now < until_s:
            self._reminder.about(seen, diagnose(seen))
            self._time.sleep(5)

    def _note(self, method: str, path: str) -> Reply | None:
        if method == "PATCH":
            self.reminded.append((self._time.now - self._began_s, path))
        return self.reply


def test_a_quota_that_stays_full_is_tried_again_each_quarter_of_a_minute(
    server: KubernetesServer,
) -> None:
    starting = Starting(server)
    starting.sees(FULL, for_s=60)
    assert starting.reminded == [(EVERY_S, CLUSTER), (2 * EVERY_S, CLUSTER), (3 * EVERY_S, CLUSTER)]
    there = server.found("rayclusters", "c")
    assert there is not None
    assert there["metadata"]["annotations"] == {labels.REMINDED: "1045"}


def test_a_quota_that_has_room_soon_is_left_to_kuberays_own_tries(
    server: KubernetesServer,
) -> None:
    starting = Starting(server)
    starting.sees(FULL, for_s=10)
    starting.sees(WELL, for_s=30)
    starting.sees(FULL, for_s=EVERY_S)
    assert starting.reminded == []


def test_what_will_never_be_is_not_tried_again(server: KubernetesServer) -> None:
    starting = Starting(server)
    starting.sees(refused("no PriorityClass with name urgent was found"), for_s=60)
    assert starting.reminded == []


def test_a_cluster_that_only_takes_long_is_left_alone(server: KubernetesServer) -> None:
    reason = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"}
    starting = Starting(server)
    starting.sees(seen_of(pod(conditions=[reason])), for_s=60)
    assert starting.reminded == []


def test_a_ray_cluster_that_could_not_be_made_is_tried_again_by_its_ray_job(
    server: KubernetesServer,
) -> None:
    job = ray_job(status={"jobDeploymentStatus": "Initializing"})
    told = event("FailedToCreateRayCluster", QUOTA, "c", kind="RayJob")
    starting = Starting(server)
    starting.sees(seen_of(ray_job=job, events=[told]), for_s=20)
    assert starting.reminded == [(EVERY_S, "/apis/ray.io/v1/namespaces/ns/rayjobs/c")]


@pytest.mark.parametrize("code", [403, 500])
def test_a_reminder_that_is_refused_changes_nothing(server: KubernetesServer, code: int) -> None:
    starting = Starting(server)
    starting.reply = status(code, "no")
    starting.sees(FULL, for_s=35)
    assert [at_s for at_s, _ in starting.reminded] == [EVERY_S, 2 * EVERY_S]
