"""What a cluster in use has lost is told, and why it does not come back; no other change is."""

from dataclasses import replace
from typing import Any, Final

import pytest

from ml_platform.clusters.causes import Cause, Failure
from ml_platform.clusters.kuberay.diagnosis.end import RECENT_S, ended_by
from ml_platform.clusters.kuberay.diagnosis.losses import losses
from ml_platform.clusters.kuberay.seen import Object
from tests.unit.clusters.kuberay.objects import (
    PREEMPTED,
    container,
    ended,
    event,
    pod,
    ray_cluster,
    ray_job,
    running,
    seen_of,
)
from tests.unit.clusters.kuberay.recorded import time_text

JOB: Final = ray_job(status={"jobDeploymentStatus": "Running"})
HEAD: Final = pod(
    "h",
    head=True,
    phase="Running",
    ready=True,
    containers=[container("ray-head", state=running(0), ready=True)],
)
NO_ROOM: Final = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient memory.",
}
WAITING: Final = pod("next", conditions=[NO_ROOM])


def worker(name: str = "w", **fields: Any) -> Object:
    state = [container(state=running(0), ready=True)]
    return pod(name, **{"phase": "Running", "ready": True, "containers": state, **fields})


def wants(workers: int) -> Object:
    cluster = ray_cluster(state="ready")
    groups = [{"groupName": "w", "replicas": workers, "minReplicas": workers}]
    return {**cluster, "spec": {"workerGroupSpecs": groups}}


READY: Final = seen_of(HEAD, worker(), ray_job=JOB, ray_cluster=wants(1), t=10)


def told(*pods: Object, t: float = 60, **others: Any) -> list[tuple[str, str]]:
    now = seen_of(*pods, **{"ray_job": JOB, "ray_cluster": wants(1), "t": t, **others})
    return [(one.state, one.failure.message) for one in losses(READY, now)]


def test_a_cluster_that_has_all_it_had_has_lost_nothing() -> None:
    assert told(HEAD, worker()) == []


def test_a_worker_that_somebody_deletes_is_told_at_once_and_when_it_is_gone() -> None:
    lost = [("lost", "A pod of the group w was deleted.")]
    going = worker()
    going = {**going, "metadata": {**going["metadata"], "deletionTimestamp": time_text(90)}}
    assert told(HEAD, going) == lost
    assert told(HEAD, worker("next"), gone=(worker(),)) == lost


def test_a_worker_out_of_memory_is_told_also_when_its_container_has_come_back() -> None:
    died = ended(137, "OOMKilled", t=50)
    back = container(state=running(52), ready=True, last=died, restarts=1)
    ((state, message),) = told(HEAD, worker(containers=[back]))
    assert (state, "over its memory limit" in message) == ("lost", True)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_worker_whose_container_ends_by_itself_is_told_with_its_exit_code(is_gone: bool) -> None:
    dead = worker(ready=False, phase="Failed", containers=[container(state=ended(9, t=50))])
    found = told(HEAD, gone=(dead,)) if is_gone else told(HEAD, dead)
    assert found[0] == ("lost", "A worker of the group w ended with exit code 9.")


def test_what_died_of_memory_before_all_had_joined_is_no_loss() -> None:
    died = ended(137, "OOMKilled", t=5)
    back = container(state=running(7), ready=True, last=died, restarts=1)
    assert told(HEAD, worker(containers=[back])) == []


def test_why_the_place_of_a_lost_worker_is_not_taken_stands_beside_the_loss() -> None:
    (_, lost), (state, why) = told(HEAD, WAITING, gone=(worker(),))
    assert lost == "A pod of the group w was deleted."
    assert (state, "memory" in why) == ("starting", True)


def test_a_worker_that_a_node_has_lost_is_the_nodes_loss_alone() -> None:
    going = worker(ready=False, going=True, conditions=[PREEMPTED])
    ((_, message),) = told(HEAD, going)
    assert "was preempted by a pod of a higher priority" in message


def test_a_worker_that_kuberay_deletes_is_no_loss() -> None:
    why = event("DeletedWorkerPod", "Deleted pod ns/w; the autoscaler wants it", "c", t=50)
    assert told(HEAD, gone=(worker(),), events=[why], ray_cluster=wants(0)) == []


def test_pods_that_went_before_all_had_joined_are_no_losses() -> None:
    ready = replace(READY, gone=(worker("old"),))
    now = seen_of(HEAD, worker(), ray_job=JOB, ray_cluster=wants(1), gone=(worker("old"),), t=60)
    assert losses(ready, now) == ()


def test_two_are_told_as_two() -> None:
    now = seen_of(HEAD, ray_job=JOB, ray_cluster=wants(2), gone=(worker("a"), worker("b")), t=60)
    (lost,) = losses(READY, now)
    assert lost.news == "2"
    assert [line.split()[1] for line in lost.failure.evidence] == ["b", "a"]


def test_a_head_that_is_lost_is_the_only_loss() -> None:
    ((state, message),) = told(gone=(HEAD, worker()))
    assert state == "lost"
    assert message.startswith("The head h is lost")


def ended_with(*pods: Object) -> Failure | None:
    lost = worker(going=True)  # at the very beginning: long ago
    now = seen_of(*pods, ray_job=JOB, ray_cluster=wants(1), gone=(lost,), t=60 + RECENT_S)
    return ended_by(READY, now)


def test_a_loss_that_another_worker_has_made_good_is_not_to_blame() -> None:
    assert ended_with(HEAD, worker("next")) is None


def test_a_job_that_ends_while_a_worker_is_missing_says_why_none_came() -> None:
    failure = ended_with(HEAD, WAITING)
    assert failure is not None
    assert failure.cause is Cause.WORKER_LOST
    assert failure.message.startswith("A worker is missing, and none takes its place. ")
    assert "memory" in failure.message
