"""A real Ray on the cluster: it gets ready, runs jobs, and is reached in every way but unasked."""

import json
from typing import Final

import pytest

from tests.kubernetes import pods, ray_clusters
from tests.kubernetes.ray_clusters import RayCluster, name_of
from tests.kubernetes.testbed.cluster import Cluster
from tests.support.kuberay.api import Api

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.two_cores,
    pytest.mark.usefixtures("node"),
]

_WHERE_TASKS_RUN: Final = """
import ray, socket
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
ray.init()
workers = [node["NodeID"] for node in ray.nodes() if node["Resources"].get("CPU")]
on = [NodeAffinitySchedulingStrategy(worker, soft=False) for worker in workers]
where = ray.remote(num_cpus=1)(lambda: socket.gethostname())
print("tasks ran on", *ray.get([where.options(scheduling_strategy=each).remote() for each in on]))
"""


def test_a_job_runs_on_both_workers_and_its_log_comes_back(ray_cluster: RayCluster) -> None:
    ended = ray_cluster.run("both", _WHERE_TASKS_RUN)
    log = ray_cluster.log("both")
    assert ended.status == "SUCCEEDED", log
    (line,) = [line for line in log.splitlines() if line.startswith("tasks ran on")]
    assert sorted(line.split()[3:]) == [name_of(pod) for pod in ray_cluster.pods("worker")]


def test_a_ray_cluster_that_is_ready_says_so_in_its_status(ray_cluster: RayCluster) -> None:
    status = ray_cluster.resource["status"]
    conditions = {c["type"]: c["status"] for c in status["conditions"]}
    assert conditions["HeadPodReady"] == conditions["RayClusterProvisioned"] == "True"
    assert status["readyWorkerReplicas"] == status["desiredWorkerReplicas"] == 2
    assert status["head"]["podName"] == name_of(ray_cluster.head)


@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 403)])
def test_a_request_without_the_token_is_refused(
    ray_cluster: RayCluster, token: str, status: int
) -> None:
    assert ray_cluster.ask("/api/jobs/", token=token)[0] == status


def test_a_request_with_the_token_is_let_in(ray_cluster: RayCluster) -> None:
    status, text = ray_cluster.ask("/api/version", token=ray_cluster.token)
    assert status == 200
    assert json.loads(text)["ray_version"] == ray_clusters.VERSION


def test_the_head_is_reached_from_inside_by_the_name_of_its_service(
    cluster: Cluster, ray_cluster: RayCluster
) -> None:
    service = f"{ray_cluster.name}-head-svc.{ray_cluster.namespace}.svc.cluster.local"
    url = f"http://{service}:{ray_clusters.DASHBOARD_PORT}/api/version"
    header = f"--header=Authorization: Bearer {ray_cluster.token}"
    asking = ["wget", "--quiet", "--output-document=-", header, url]
    said = pods.output(cluster, ray_cluster.namespace, "asking", asking)
    assert json.loads(said)["ray_version"] == ray_clusters.VERSION


def test_the_head_is_reached_from_outside_through_the_api_servers_proxy(
    cluster: Cluster, ray_cluster: RayCluster
) -> None:
    service = f"services/{ray_cluster.name}-head-svc:dashboard/proxy"
    path = f"/api/v1/namespaces/{ray_cluster.namespace}/{service}/api/version"
    # `Authorization` is for the API server, which does not pass it on.
    token = {"x-ray-authorization": f"Bearer {ray_cluster.token}"}
    api = Api.connect(cluster.kubeconfig)
    assert api.text("GET", path)[0] == 401
    status, text = api.text("GET", path, headers=token)
    assert (status, json.loads(text)["ray_version"]) == (200, ray_clusters.VERSION)


def test_kubectl_sees_it_all(cluster: Cluster, ray_cluster: RayCluster) -> None:
    where = f"--namespace={ray_cluster.namespace}"
    name, head = ray_cluster.name, name_of(ray_cluster.head)
    assert "ready" in cluster.kubectl("get", f"raycluster/{name}", where)
    of_it = f"--selector=ray.io/cluster={name}"
    listed = cluster.kubectl("get", "pods,services", where, of_it, "--output=name")
    workers = [name_of(pod) for pod in ray_cluster.pods("worker")]
    assert {*listed.split()} == {
        f"service/{name}-head-svc",
        *(f"pod/{p}" for p in (head, *workers)),
    }
    assert "CreatedHeadPod" in cluster.kubectl("describe", f"raycluster/{name}", where)
    assert "Ray runtime started" in cluster.kubectl("logs", head, where, "--container=ray-head")
    status = cluster.kubectl("exec", head, where, "--container=ray-head", "--", "ray", "status")
    assert "0.0/2.0 CPU" in status
