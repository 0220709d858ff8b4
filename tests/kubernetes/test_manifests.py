"""The manifests of clusters pass the API server strictly, and real pods come of them."""

import json
import sys
import time
from typing import Any, Final

import pytest

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.checks.valid import require_valid
from ml_platform.clusters.kuberay.config import KubeRayConfig, Limits
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.kuberay.wait_for_head import NAME as WAITING
from ml_platform.clusters.spec import ClusterSpec
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.ray_clusters import RayCluster
from tests.kubernetes.testbed.cluster import Cluster, ClusterError
from tests.kubernetes.testbed.node import Node
from tests.support.kuberay.pod_fields import TAKEN, ZONE

pytestmark = [pytest.mark.kubernetes, pytest.mark.usefixtures("kuberay")]

_GPU: Final = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
_NODES: Final = Catalogue(
    nodes=(
        NodeKind(name="cpu", cpus=15.5, memory="60Gi", disk="100Gi", labels={"pool": "cpu"}),
        NodeKind(
            name="cpu-spot",
            cpus=15.5,
            memory="60Gi",
            labels={"pool": "cpu", "spot": "true"},
            spot=True,
        ),
        NodeKind(
            name="a100",
            cpus=95,
            memory="1Ti",
            gpu="a100",
            gpus=8,
            labels={"pool": "a100"},
            tolerations=(_GPU,),
        ),
    )
)
_EVERY_FIELD: Final[dict[str, Any]] = {
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["b"]}]}
                ]
            }
        },
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}
            ]
        },
    },
    "annotations": {"example.com/why": "a test, with spaces"},
    "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
    "env": [
        {"name": "OMP_NUM_THREADS", "value": "4"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}},
    ],
    "envFrom": [{"configMapRef": {"name": "tuning"}}],
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["licences"]}],
    "imagePullSecrets": [{"name": "another"}],
    "labels": {"team": "pricing"},
    "nodeSelector": {ZONE: "b"},
    "schedulerName": "volcano",
    "tolerations": [{"key": "team", "operator": "Equal", "value": "pricing"}],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
}
_GPUS: Final = {"count": 4, "cpus": 16, "memory": "128Gi", "gpus": 2, "gpu": "a100"}
_SPECS: Final[dict[str, dict[str, Any]]] = {
    "the smallest": {},
    "a queue": {"queue": "team-pricing", "priority": "system-node-critical"},
    "disks": {"head": {"disk": "5Gi"}, "workers": {"disk": "20Gi"}},
    "GPUs": {"workers": _GPUS},
    "spot": {"workers": {"spot": True}},
    "groups": {"workers": [{"name": "small"}, {"name": "large", "memory": "32Gi", "spot": True}]},
    "an autoscaler": {"workers": {"min": 0, "max": 8}},
    "fields": {"head": {"pod": _EVERY_FIELD}, "workers": {"pod": _EVERY_FIELD}},
}
_NO_NODES: Final = Catalogue()
_NAMED_S: Final = 30.0
_READY_S: Final = 120.0
_QUICK_S: Final = 5.0


@pytest.mark.parametrize("catalogue", [_NO_NODES, _NODES], ids=["anywhere", "nodes"])
@pytest.mark.parametrize("values", _SPECS.values(), ids=_SPECS)
def test_the_api_server_takes_a_manifest_strictly(
    cluster: Cluster, values: dict[str, Any], catalogue: Catalogue
) -> None:
    _create(cluster, _manifest(cluster, values, catalogue=catalogue), "--dry-run=server")


@pytest.mark.parametrize("values", _SPECS.values(), ids=_SPECS)
def test_the_api_server_takes_the_pods_of_a_manifest_strictly(
    cluster: Cluster, values: dict[str, Any]
) -> None:
    ray = _manifest(cluster, values, catalogue=_NODES)["spec"]["rayClusterSpec"]
    for group in (ray["headGroupSpec"], *ray["workerGroupSpecs"]):
        _create(cluster, _pod(group["template"]), "--dry-run=server")


@pytest.mark.parametrize("fields", TAKEN)
def test_the_api_server_takes_the_fields_of_a_pod_that_our_checks_take(
    cluster: Cluster, fields: dict[str, Any]
) -> None:
    spec = _manifest(cluster, {"workers": {"pod": _that_can_be(fields)}})["spec"]
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    _create(cluster, _pod(group["template"]), "--dry-run=server")


def test_a_field_that_there_is_not_would_be_refused(cluster: Cluster) -> None:
    if _lets_everything_through(cluster):
        pytest.skip("the stand-in for KubeRay's definitions knows only a part of its fields")
    manifest = _manifest(cluster, {})
    manifest["spec"]["shutdownAfterJobFinish"] = True
    with pytest.raises(ClusterError, match="unknown field"):
        _create(cluster, manifest, "--dry-run=server")


def test_a_real_cluster_gets_ready_with_our_probes_waiting_and_rights(
    cluster: Cluster, node: Node, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    _create(cluster, _small(cluster, namespace))
    ray = RayCluster(cluster=cluster, namespace=namespace, name=_ray_cluster(cluster, namespace))
    ray.wait_until_ready()
    ready_s = time.monotonic() - started
    with capsys.disabled():
        sys.stdout.write(f"\nhead and one worker ready {ready_s:.1f} s after their creation\n")
    (worker,) = ray.pods("worker")
    ours = worker["status"]["initContainerStatuses"][0]
    assert (ours["name"], ours["state"]["terminated"]["exitCode"]) == (WAITING, 0)
    statuses = [pod["status"]["containerStatuses"][0] for pod in (ray.head, worker)]
    assert [status["restartCount"] for status in statuses] == [0, 0]
    until("RayJob to submit to", lambda: _status(cluster, namespace) == "Waiting", timeout_s=10)


def test_a_worker_that_waits_for_its_head_ends_when_it_is_told_to(
    cluster: Cluster, node: Node, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _create(cluster, _small(cluster, namespace, grace_s=30))
    where = f"--namespace={namespace}"
    selector = "--selector=ray.io/node-type=worker"

    def workers() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = cluster.get("pods", where, selector)["items"]
        return items

    until("worker that waits", lambda: any(map(_waits, workers())), timeout_s=_READY_S)
    started = time.monotonic()
    cluster.kubectl("delete", "rayjob/small", where, "--wait=false")
    until("end of the worker", lambda: not workers(), timeout_s=_READY_S)
    took_s = time.monotonic() - started
    with capsys.disabled():
        sys.stdout.write(f"\nworker that waited gone {took_s:.1f} s after the deletion\n")
    assert took_s < _QUICK_S


def _lets_everything_through(cluster: Cluster) -> bool:
    versions = cluster.get("crd/rayjobs.ray.io")["spec"]["versions"]
    (schema,) = [each["schema"] for each in versions if each["name"] == "v1"]
    spec = schema["openAPIV3Schema"]["properties"]["spec"]
    return bool(spec.get("x-kubernetes-preserve-unknown-fields"))


def _waits(worker: dict[str, Any]) -> bool:
    statuses = worker["status"].get("initContainerStatuses") or [{}]
    return statuses[0].get("name") == WAITING and "running" in statuses[0]["state"]


def _small(cluster: Cluster, namespace: str, *, grace_s: int = 5) -> dict[str, Any]:
    config = KubeRayConfig(
        namespace=namespace,
        environment="ci",
        image=cluster.image,
        image_pull_policy="Never",
        cpu_request_share=0.1,
        limits=Limits(grace_s=grace_s),
    )
    spec = ClusterSpec.model_validate(
        {"head": {"memory": "1536Mi"}, "workers": {"memory": "768Mi"}}
    )
    require_valid("small", spec, config)
    return ray_job("small", spec, config)


def _manifest(
    cluster: Cluster, values: dict[str, Any], *, catalogue: Catalogue = _NO_NODES
) -> dict[str, Any]:
    """What a spec becomes in a configuration that fills every field."""
    config = KubeRayConfig(
        namespace="default",
        environment="ci/somebody's branch",
        image=cluster.image,
        image_pull_policy="IfNotPresent",
        image_pull_secrets=("registry",),
        service_account="trainer",
        env={"A": "1"},
        env_from_secrets=("wandb",),
        catalogue=catalogue,
    )
    return ray_job("a-cluster", ClusterSpec.model_validate(values), config, holder="run 7")


def _pod(template: dict[str, Any]) -> dict[str, Any]:
    metadata = {"generateName": "a-", "namespace": "default", **template["metadata"]}
    # Admission looks for the account in the namespace.
    spec = {key: one for key, one in template["spec"].items() if key != "serviceAccountName"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _that_can_be(fields: dict[str, Any]) -> dict[str, Any]:
    """The same without classes, for which admission looks, and with volumes for all mounts."""
    kept = {key: one for key, one in fields.items() if not key.endswith("ClassName")}
    mounted = {mount["name"] for mount in fields.get("volumeMounts", [])}
    volumes = [{"name": name, "emptyDir": {}} for name in sorted(mounted)]
    return {"volumes": volumes, **kept} if volumes else kept


def _create(cluster: Cluster, manifest: dict[str, Any], *options: str) -> None:
    strictly = ("--validate=strict", "--filename=-", *options)
    cluster.kubectl("create", *strictly, stdin=json.dumps(manifest))


def _ray_cluster(cluster: Cluster, namespace: str) -> str:
    def name() -> str:
        status = _get_job(cluster, namespace).get("status") or {}
        return str(status.get("rayClusterName", ""))

    return until("name of the RayCluster", name, timeout_s=_NAMED_S)


def _status(cluster: Cluster, namespace: str) -> str:
    return str(_get_job(cluster, namespace)["status"].get("jobDeploymentStatus", ""))


def _get_job(cluster: Cluster, namespace: str) -> dict[str, Any]:
    return cluster.get("rayjob/small", f"--namespace={namespace}")
