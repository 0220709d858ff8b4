"""What keeps a Ray cluster from starting shows in true Events, each in its own place."""

from typing import Any, Final

import pytest

from tests.kubernetes import pods, ray_clusters
from tests.kubernetes.faults import memory, quota
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.testbed.cluster import Cluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.usefixtures("kuberay")]

_WARNING_S: Final = 30.0


def test_a_container_over_its_memory_limit_ends_oom_killed(
    cluster: Cluster, namespace: str
) -> None:
    eating = ["python", "-c", "eaten = b'x' * (200 << 20)"]
    limited = {"limits": {"memory": "64Mi"}}
    pods.create(cluster, pods.pod(cluster, namespace, "eater", eating, resources=limited))
    pods.wait(cluster, namespace, "eater", "jsonpath={.status.phase}=Failed")
    ended = memory.death(cluster, namespace, "eater")
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_an_image_that_is_missing_is_an_event_of_the_pod(cluster: Cluster, namespace: str) -> None:
    spec = ray_clusters.spec(cluster, workers=0)
    container = spec["headGroupSpec"]["template"]["spec"]["containers"][0]
    container["image"] = "testbed.invalid/absent:1"
    ray_clusters.create(cluster, namespace, "without-image", spec)
    event = _warning(cluster, namespace, "ErrImageNeverPull")
    assert event["involvedObject"]["kind"] == "Pod"
    assert '"testbed.invalid/absent:1" is not present' in event["message"]


def test_a_pod_that_fits_nowhere_is_an_event_of_the_pod(cluster: Cluster, namespace: str) -> None:
    spec = ray_clusters.spec(cluster, workers=0, nodeSelector={"gpu": "none-here"})
    ray_clusters.create(cluster, namespace, "without-node", spec)
    event = _warning(cluster, namespace, "FailedScheduling")
    assert event["involvedObject"]["kind"] == "Pod"
    assert "didn't match Pod's node affinity/selector" in event["message"]


def test_a_quota_that_is_used_up_is_an_event_of_the_ray_cluster(
    cluster: Cluster, namespace: str
) -> None:
    with quota.filled(cluster, namespace) as name:
        spec = ray_clusters.spec(cluster, workers=0)
        ray_clusters.create(cluster, namespace, "without-quota", spec)
        event = _warning(cluster, namespace, "FailedToCreateHeadPod")
    assert event["involvedObject"]["kind"] == "RayCluster"
    assert f"exceeded quota: {name}" in event["message"]


def test_a_quota_that_is_used_up_is_an_event_of_kubernetes_own_controllers_too(
    cluster: Cluster, namespace: str
) -> None:
    template = pods.pod(cluster, namespace, "worker", ["true"])["spec"]
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "without-quota", "namespace": namespace},
        "spec": {"template": {"spec": template}},
    }
    with quota.filled(cluster, namespace) as name:
        pods.create(cluster, job)
        event = _warning(cluster, namespace, "FailedCreate")
    assert event["involvedObject"]["kind"] == "Job"
    assert f"exceeded quota: {name}" in event["message"]


def test_a_service_account_that_is_missing_is_an_event_of_the_ray_cluster(
    cluster: Cluster, namespace: str
) -> None:
    spec = ray_clusters.spec(cluster, workers=0, serviceAccountName="nobody")
    ray_clusters.create(cluster, namespace, "without-account", spec)
    event = _warning(cluster, namespace, "FailedToCreateHeadPod")
    assert event["involvedObject"]["kind"] == "RayCluster"
    assert 'serviceaccount "nobody" not found' in event["message"]


def _warning(cluster: Cluster, namespace: str, reason: str) -> dict[str, Any]:
    """The first Warning of this reason."""
    look = ("events", f"--namespace={namespace}", "--field-selector=type=Warning")

    def found() -> list[dict[str, Any]]:
        events = cluster.get(*look)["items"]
        return [event for event in events if event["reason"] == reason]

    return until(f"Warning {reason}", found, timeout_s=_WARNING_S)[0]
