"""Every way in which a real Ray dies on the cluster, and what can be seen of it."""

import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kubernetes.faults import memory
from tests.kubernetes.faults.pods import container_id, delete_pod
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.ray_clusters import RayCluster, name_of
from tests.kubernetes.testbed import cgroups
from tests.kubernetes.testbed.cluster import Cluster

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.two_cores,
    pytest.mark.usefixtures("node"),
    pytest.mark.skipif(
        "MLP_TEST_SLOW" not in os.environ,
        reason="what Ray itself does, minutes of it: set MLP_TEST_SLOW=1 when its version changes",
    ),
]

_NOTICE_S: Final = 60.0
_EATER: Final = """
import ray
def eat():
    eaten = []
    while True:
        eaten.append(b"x" * (16 << 20))
ray.init()
ray.get(ray.remote(max_retries=0)(eat).remote())
"""
_only_one_process: Final = pytest.mark.skipif(
    Path("/sys/fs/cgroup/cgroup.controllers").exists(),
    reason="cgroup v2 kills the whole container",
)


def test_a_job_that_fails_leaves_its_traceback_and_the_pods_alone(ray_cluster: RayCluster) -> None:
    before = _restarts(ray_cluster)
    ended = ray_cluster.run("failing", "raise ValueError('no such column')")
    assert ended.status == "FAILED"
    assert "ValueError: no such column" in ended.message
    assert "ValueError: no such column" in ray_cluster.log("failing")
    assert _restarts(ray_cluster) == before


@_only_one_process
def test_a_task_that_the_kernel_kills_for_its_memory_is_a_crashed_worker_and_the_pod_shows_nothing(
    cluster: Cluster, ray_cluster: RayCluster
) -> None:
    workers = [name_of(pod) for pod in ray_cluster.pods("worker")]
    folders = [
        cgroups.of_container(container_id(cluster, ray_cluster.namespace, worker))
        for worker in workers
    ]
    before = _restarts(ray_cluster)
    ended = ray_cluster.run("eating", _EATER)
    assert ended.status == "FAILED"
    assert "WorkerCrashedError" in ray_cluster.log("eating")
    assert sum(map(cgroups.oom_kills, folders)) == 1
    assert [name_of(pod) for pod in ray_cluster.pods("worker")] == workers
    assert _restarts(ray_cluster) == before


def test_a_worker_whose_container_runs_out_of_memory_is_oom_killed_and_starts_again(
    cluster: Cluster, ray_cluster: RayCluster
) -> None:
    worker = name_of(ray_cluster.pods("worker")[0])
    killed = container_id(cluster, ray_cluster.namespace, worker)
    memory.run_out_of_memory(cluster, ray_cluster.namespace, worker, whole=True)
    ended = _death(ray_cluster, worker, of=killed)
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    ray_cluster.wait_until_ready()
    assert worker in [name_of(pod) for pod in ray_cluster.pods("worker")]


def test_a_deleted_worker_is_replaced(cluster: Cluster, ray_cluster: RayCluster) -> None:
    deleted, other = [name_of(pod) for pod in ray_cluster.pods("worker")]
    delete_pod(cluster, ray_cluster.namespace, deleted)
    ray_cluster.wait_until_ready()
    now = [name_of(pod) for pod in ray_cluster.pods("worker")]
    assert deleted not in now
    assert other in now


def test_a_head_whose_container_runs_out_of_memory_starts_again_and_knows_no_job(
    cluster: Cluster, ray_cluster: RayCluster
) -> None:
    assert ray_cluster.run("before-oom", "print('done')").status == "SUCCEEDED"
    head = name_of(ray_cluster.head)
    killed = container_id(cluster, ray_cluster.namespace, head)
    memory.run_out_of_memory(cluster, ray_cluster.namespace, head, whole=True)
    ended = _death(ray_cluster, head, of=killed)
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    ray_cluster.wait_until_ready()
    assert name_of(ray_cluster.head) == head
    assert ray_cluster.job("before-oom") is None


def test_a_deleted_head_is_replaced_and_the_new_one_knows_no_job(
    cluster: Cluster, ray_cluster: RayCluster
) -> None:
    assert ray_cluster.run("before-deletion", "print('done')").status == "SUCCEEDED"
    deleted = name_of(ray_cluster.head)
    delete_pod(cluster, ray_cluster.namespace, deleted)
    until("another head", lambda: _other_head(ray_cluster, than=deleted), timeout_s=_NOTICE_S)
    ray_cluster.wait_until_ready()
    assert ray_cluster.job("before-deletion") is None


def _death(ray_cluster: RayCluster, pod: str, *, of: str) -> dict[str, object]:
    """How the container of this id ended, once it has."""
    return until(
        f"death of the container of {pod}",
        lambda: memory.death(ray_cluster.cluster, ray_cluster.namespace, pod, of=of),
        timeout_s=_NOTICE_S,
    )


def _other_head(ray_cluster: RayCluster, *, than: str) -> bool:
    return any(name_of(pod) != than for pod in ray_cluster.pods("head"))


def _restarts(ray_cluster: RayCluster) -> int:
    of_it: list[dict[str, Any]] = [*ray_cluster.pods("head"), *ray_cluster.pods("worker")]
    statuses = [status for pod in of_it for status in pod["status"]["containerStatuses"]]
    return sum(status["restartCount"] for status in statuses)
