"""KubeRay tries ever more seldom; a cluster whose quota has room again does not wait for that."""

from collections.abc import Iterator
from typing import Any

import pytest

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.reminder import EVERY_S, Reminder
from ml_platform.clusters.kuberay.seen import Seen
from tests.unit.clusters.kuberay.objects import event, pod, ray_cluster, ray_job, seen_of
from tests.unit.clusters.kuberay.refusing_server import RefusingServer, refusing_server

CLUSTER = "/apis/ray.io/v1/namespaces/ns/rayclusters/c"
QUOTA = "exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5"


def refused(text: str) -> Seen:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreateWorkerPod"}
    return seen_of(ray_cluster=ray_cluster({**failure, "message": f"Failed\n{text}"}))


FULL = refused(QUOTA)
WELL = seen_of(ray_cluster=ray_cluster())


@pytest.fixture
def server() -> Iterator[RefusingServer]:
    with refusing_server() as server:
        yield server


class Starting:
    """A start that looks each five seconds."""

    def __init__(self, server: RefusingServer) -> None:
        self._time = server.time
        self._server = server
        self._reminder = Reminder(server.api, "ns", clock=server.time.clock, now=server.time.clock)

    def sees(self, seen: Seen, *, for_s: float) -> list[tuple[str, Any]]:
        """All that was changed after it has seen this for so long."""
        until_s = self._time.now + for_s
        while self._time.now < until_s:
            self._reminder.about(seen, diagnose(seen))
            self._time.sleep(5)
        return self._server.patches


def test_a_quota_that_stays_full_is_tried_again_each_quarter_of_a_minute(
    server: RefusingServer,
) -> None:
    starting = Starting(server)
    assert starting.sees(FULL, for_s=EVERY_S) == []
    annotations = {"metadata": {"annotations": {labels.REMINDED: "1015"}}}
    assert starting.sees(FULL, for_s=5) == [(CLUSTER, annotations)]
    assert len(starting.sees(FULL, for_s=45)) == 4


def test_a_quota_that_has_room_soon_is_left_to_kuberays_own_tries(server: RefusingServer) -> None:
    starting = Starting(server)
    starting.sees(FULL, for_s=10)
    starting.sees(WELL, for_s=30)
    assert starting.sees(FULL, for_s=EVERY_S) == []


def test_what_will_never_be_is_not_tried_again(server: RefusingServer) -> None:
    for_ever = refused("no PriorityClass with name urgent was found")
    assert Starting(server).sees(for_ever, for_s=60) == []


def test_a_cluster_that_only_takes_long_is_left_alone(server: RefusingServer) -> None:
    reason = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"}
    assert Starting(server).sees(seen_of(pod(conditions=[reason])), for_s=60) == []


def test_a_ray_cluster_that_could_not_be_made_is_tried_again_by_its_ray_job(
    server: RefusingServer,
) -> None:
    job = ray_job(status={"jobDeploymentStatus": "Initializing"})
    told = event("FailedToCreateRayCluster", QUOTA, "c", kind="RayJob")
    (patched,) = Starting(server).sees(seen_of(ray_job=job, events=[told]), for_s=20)
    assert patched[0] == "/apis/ray.io/v1/namespaces/ns/rayjobs/c"


@pytest.mark.parametrize("status", [403, 500])
def test_a_reminder_that_is_refused_changes_nothing(server: RefusingServer, status: int) -> None:
    server.patched = status
    assert len(Starting(server).sees(FULL, for_s=35)) == 2
