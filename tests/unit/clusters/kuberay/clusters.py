"""Clusters to make manifests of: small ones by name, and any valid one for properties."""

from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.spec import ClusterSpec

CPU = NodeKind(name="cpu-16", cpus=15.5, memory="60Gi", disk="100Gi", labels={"pool": "cpu"})
SPOT = NodeKind(
    name="cpu-16-spot",
    cpus=15.5,
    memory="60Gi",
    labels={"pool": "cpu", "spot": "true"},
    tolerations=({"key": "spot", "operator": "Exists", "effect": "NoSchedule"},),
    spot=True,
)
A100 = NodeKind(
    name="a100-8",
    cpus=95,
    memory="1Ti",
    gpu="a100",
    gpus=8,
    labels={"pool": "a100"},
    tolerations=({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},),
    count=2,
)
MI300 = NodeKind(
    name="mi300-8",
    cpus=95,
    memory="1Ti",
    gpu="mi300",
    gpus=8,
    gpu_resource="amd.com/gpu",
    labels={"pool": "mi300"},
)
CATALOGUE: Final = Catalogue(nodes=(CPU, SPOT, A100, MI300))
CONFIG: Final = KubeRayConfig(
    namespace="training", environment="ci", image="registry.example/platform:1"
)
WITH_NODES: Final = replace(CONFIG, catalogue=CATALOGUE)


def cluster(**values: Any) -> ClusterSpec:
    """A cluster as `defs.yaml` has it."""
    return ClusterSpec.model_validate({"provisioner": "ephemeral", **values})


NAMES: Final = st.from_regex(r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?", fullmatch=True)
_MEMORY: Final = st.integers(min_value=1, max_value=60).map("{}Gi".format)
_PODS: Final = st.sampled_from(
    [
        {},
        {"labels": {"team": "pricing"}, "annotations": {"example.com/why": "a test, with spaces"}},
        {
            "nodeSelector": {"topology.kubernetes.io/zone": "b"},
            "tolerations": [{"operator": "Exists"}],
        },
        {"env": [{"name": "OMP_NUM_THREADS", "value": "4"}]},
        {
            "volumes": [{"name": "scratch", "emptyDir": {}}],
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        },
    ]
)


@st.composite
def specs(draw: st.DrawFn) -> ClusterSpec:
    """Any cluster that the catalogue here can hold."""
    cpus, gpus = draw(st.integers(1, 15)), draw(st.sampled_from([0, 1, 4]))
    names = draw(st.sets(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), min_size=1))
    groups = [
        {
            "name": name,
            "count": draw(st.integers(1, 2)),
            "cpus": cpus,
            "memory": draw(_MEMORY),
            "disk": draw(st.sampled_from(["", "20Gi"])),
            "gpus": gpus,
            "gpu": "mi300" if gpus else "",
            "spot": draw(st.booleans()) and not gpus,
            "pod": draw(_PODS),
        }
        for name in sorted(names)
    ]
    head = {"cpus": draw(st.integers(1, 15)), "memory": draw(_MEMORY), "pod": draw(_PODS)}
    priority = draw(st.sampled_from(["", "training-low"]))
    queue = draw(st.sampled_from(["", "team-pricing"])) if len(groups) <= 17 else ""
    return cluster(head=head, workers=groups, priority=priority, queue=queue)


def head_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The head's group of a RayJob."""
    return manifest["spec"]["rayClusterSpec"]["headGroupSpec"]


def workers_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The only worker group of a RayJob."""
    (only,) = manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    return only


def pod_of(group: dict[str, Any]) -> dict[str, Any]:
    """The pod of a group."""
    return group["template"]["spec"]


def container_of(group: dict[str, Any]) -> dict[str, Any]:
    """Ray's container of a group."""
    return pod_of(group)["containers"][0]
