from typing import Any

from tests.support.kuberay.api import Object
from tests.support.kuberay.cluster_status import Trouble, cluster_status, worth_writing
from tests.support.kuberay.services import cluster_head_service
from tests.unit.kuberay.things import cluster, container, group, pod

NOW = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:01:00Z"


def status_of(
    it: Object, pods: list[Object], trouble: Trouble | None = None, now: str = NOW
) -> dict[str, Any]:
    return cluster_status(it, pods, cluster_head_service(it), trouble, now)


def condition(status: Object, kind: str) -> Object:
    return next(c for c in status["conditions"] if c["type"] == kind)


def test_a_fresh_cluster_has_its_conditions_in_order() -> None:
    status = status_of(cluster(), [pod("head", ready=None), pod(ready=None)])
    assert [(c["type"], c["status"]) for c in status["conditions"]] == [
        ("HeadPodReady", "False"),
        ("RayClusterProvisioned", "True"),
        ("RayClusterSuspended", "False"),
        ("RayClusterSuspending", "False"),
    ]
    assert condition(status, "HeadPodReady")["reason"] == "Unknown"


def test_zeros_and_empty_texts_are_left_out_but_structs_stay() -> None:
    status = status_of(cluster(), [])
    assert "state" not in status
    assert "readyWorkerReplicas" not in status
    assert status["desiredGPU"] == "0"
    assert status["head"] == {"serviceName": "rc1-head-svc"}


def test_a_cluster_is_ready_when_all_wanted_pods_are() -> None:
    status = status_of(cluster(), [pod("head"), pod()])
    assert status["state"] == "ready"
    assert status["stateTransitionTimes"] == {"ready": NOW}
    assert (status["availableWorkerReplicas"], status["readyWorkerReplicas"]) == (1, 1)


def test_ready_stays_whatever_dies() -> None:
    before = status_of(cluster(), [pod("head"), pod()])
    status = status_of(cluster(status=before), [pod("head", phase="Failed", ready=False)])
    assert status["state"] == "ready"
    assert condition(status, "RayClusterProvisioned")["status"] == "True"
    assert "readyWorkerReplicas" not in status


def test_provisioned_looks_only_at_pods_that_exist() -> None:
    trouble = Trouble(reason="FailedCreateWorkerPod", message="FailedCreateWorkerPod\nquota")
    status = status_of(cluster(), [pod("head")], trouble)
    assert condition(status, "RayClusterProvisioned")["status"] == "True"
    assert condition(status, "ReplicaFailure")["message"] == "FailedCreateWorkerPod\nquota"
    assert status["conditions"][0]["type"] == "ReplicaFailure"
    assert "state" not in status


def test_replica_failure_goes_with_the_first_good_pass() -> None:
    trouble = Trouble(reason="FailedCreateHeadPod", message="no")
    before = status_of(cluster(), [], trouble)
    status = status_of(cluster(status=before), [])
    assert "ReplicaFailure" not in {c["type"] for c in status["conditions"]}


def test_a_head_that_is_not_there_is_told() -> None:
    head = condition(status_of(cluster(), []), "HeadPodReady")
    assert (head["status"], head["reason"]) == ("False", "HeadPodNotFound")


def test_the_heads_container_tells_why_it_is_not_ready() -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    crashed = pod(
        "head", ready=False, state=state, reason="ContainersNotReady", message="not ready: [ray]"
    )
    head = condition(status_of(cluster(), [crashed]), "HeadPodReady")
    assert head["reason"] == "CrashLoopBackOff"
    assert head["message"] == "not ready: [ray]; ray: back-off"


def test_a_failed_head_says_so() -> None:
    failed = pod("head", phase="Failed", ready=False, reason="PodFailed")
    head = condition(status_of(cluster(), [failed]), "HeadPodReady")
    assert (head["status"], head["reason"]) == ("False", "PodFailed")


def test_suspension_goes_through_suspending() -> None:
    ready = status_of(cluster(), [pod("head"), pod()])
    asked = status_of(cluster(status=ready, suspend=True), [pod("head"), pod()])
    assert condition(asked, "RayClusterSuspending")["status"] == "True"
    assert asked["state"] == "ready"
    ended = status_of(cluster(status=asked, suspend=True), [])
    assert condition(ended, "RayClusterSuspending")["status"] == "False"
    assert condition(ended, "RayClusterSuspended")["status"] == "True"
    assert condition(ended, "RayClusterProvisioned")["status"] == "False"
    assert ended["state"] == "suspended"


def test_only_an_explicit_false_resumes() -> None:
    suspended = {"conditions": [{"type": "RayClusterSuspended", "status": "True"}]}
    suspended["conditions"][0] |= {"reason": "", "message": "", "lastTransitionTime": NOW}
    silent = status_of(cluster(status=suspended), [])
    assert condition(silent, "RayClusterSuspended")["status"] == "True"
    resumed = status_of(cluster(status=suspended, suspend=False), [])
    assert condition(resumed, "RayClusterSuspended")["status"] == "False"


def test_a_conditions_time_moves_only_with_its_status() -> None:
    before = status_of(cluster(), [pod("head", ready=False, reason="ContainersNotReady")])
    crashed = pod("head", ready=False, reason="PodFailed")
    after = status_of(cluster(status=before), [crashed], now=LATER)
    assert condition(after, "HeadPodReady")["lastTransitionTime"] == NOW
    assert condition(after, "HeadPodReady")["reason"] == "PodFailed"


def test_a_new_time_alone_is_not_written() -> None:
    before = status_of(cluster(), [pod("head"), pod()])
    after = status_of(cluster(status=before), [pod("head"), pod()], now=LATER)
    assert not worth_writing(before, after)


def test_a_new_count_is_written() -> None:
    it = cluster(workerGroupSpecs=[group(replicas=2)])
    before = status_of(it, [pod("head"), pod(name="a")])
    after = status_of({**it, "status": before}, [pod("head"), pod(name="a"), pod(name="b")])
    assert worth_writing(before, after)


def test_pods_of_a_group_that_is_no_longer_there_keep_a_cluster_from_getting_ready() -> None:
    it = cluster(workerGroupSpecs=[])
    assert "state" not in status_of(it, [pod("head"), pod(name="a")])


def test_resources_are_those_of_all_pods_from_requests_or_else_limits() -> None:
    asked = {"requests": {"cpu": "1"}, "limits": {"cpu": "4", "memory": "1Gi"}}
    template = {"spec": {"containers": [container(resources=asked)]}}
    it = cluster(
        headGroupSpec={"rayStartParams": {}, "template": template},
        workerGroupSpecs=[group(replicas=2, template=template)],
    )
    status = status_of(it, [])
    assert (status["desiredCPU"], status["desiredMemory"]) == ("3", "3Gi")
