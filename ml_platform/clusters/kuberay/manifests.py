"""From a cluster spec to the RayJob that KubeRay is given: a pure function.

The RayJob is in InteractiveMode: KubeRay provisions, guards with its deadlines and cleans up; we
submit. What is wrong with a spec is said by `checks`, before.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import yaml

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.autoscaler import autoscaler_fields
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.deadline import running_deadline_s
from ml_platform.clusters.kuberay.pod_template import pod_template
from ml_platform.clusters.spec import (
    RAY_VERSION,
    ClusterSpec,
    HeadGroup,
    WorkerGroup,
    memory_bytes,
)

API_VERSION: Final = "ray.io/v1"
KIND: Final = "RayJob"
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def ray_job(
    name: str,
    spec: ClusterSpec,
    config: KubeRayConfig,
    *,
    holder: str = "",
    work_s: float = 0.0,
    annotations: Mapping[str, str] = _NONE,
) -> dict[str, Any]:
    """The RayJob of a cluster: equal arguments, equal manifests.

    Args:
        name: Of the RayJob; KubeRay's names for cluster and pods begin with it.
        spec: What the cluster is to be, found valid by `checks`.
        config: Where and how clusters are made.
        holder: Who uses it, for those who look.
        work_s: For how long its work may run; 0 if nobody says.
        annotations: More annotations of the RayJob.
    """
    ours = {
        labels.MANAGED_BY: labels.US,
        labels.ENVIRONMENT: labels.label_value(config.environment),
        labels.CLUSTER: labels.label_value(name),
    }
    described = {
        **annotations,
        labels.SPEC: spec_text(spec),
        labels.SPEC_HASH: spec.spec_hash(),
        **({labels.HOLDER: holder} if holder else {}),
    }
    limits = config.limits
    job = {
        "submissionMode": "InteractiveMode",
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": limits.gone_s,
        "preRunningDeadlineSeconds": limits.unsubmitted_s,
        "activeDeadlineSeconds": running_deadline_s(limits, work_s=work_s),
        # Kueue admits by taking this away; without Kueue nobody would.
        **({"suspend": True} if spec.queue else {}),
        "rayClusterSpec": _ray_cluster(spec, config, ours),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": config.namespace,
            # KubeRay gives both to the RayCluster too; pods have what their templates have.
            "labels": {**ours, **({labels.QUEUE: spec.queue} if spec.queue else {})},
            "annotations": described,
        },
        "spec": job,
    }


def auth_options(config: KubeRayConfig) -> dict[str, str]:
    """What a RayCluster says of Ray's token; nothing where none is asked for."""
    if not config.token_auth:
        return {}
    # Known since KubeRay 1.6.
    return {
        "mode": "token",
        **({"secretName": config.token_secret} if config.token_secret else {}),
    }


def spec_text(spec: ClusterSpec) -> str:
    """The cluster as it is kept in an annotation."""
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True)


def manifest_yaml(manifest: Mapping[str, Any]) -> str:
    """The manifest as people read it."""
    # Once through JSON: PyYAML writes what stands in two places as an anchor and an alias.
    return yaml.dump(json.loads(json.dumps(manifest)), Dumper=_Readable, sort_keys=False)


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as lines."""


_Readable.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def _ray_cluster(
    spec: ClusterSpec, config: KubeRayConfig, ours: Mapping[str, str]
) -> dict[str, Any]:
    return {
        # KubeRay reads it: tokens need 2.52, its own health checks over HTTP 2.53. What the image
        # holds is seen by the driver, which refuses another version.
        "rayVersion": RAY_VERSION,
        **({"authOptions": options} if (options := auth_options(config)) else {}),
        **(autoscaler_fields(config) if spec.is_elastic else {}),
        "headGroupSpec": {
            # No CPU to give: training workers stay off the head, which runs the driver.
            "rayStartParams": {
                "dashboard-host": "0.0.0.0",
                **_ray_start(spec.head, cpus=0, gpus=0),
            },
            "template": pod_template(spec.head, spec, config, ours),
        },
        "workerGroupSpecs": [
            {
                "groupName": group.name,
                "replicas": group.count,
                "minReplicas": group.count,
                "maxReplicas": group.most,
                "rayStartParams": _ray_start(group, cpus=group.cpus, gpus=group.gpus),
                "template": pod_template(group, spec, config, ours),
            }
            for group in spec.groups
        ],
    }


def _ray_start(group: HeadGroup | WorkerGroup, *, cpus: int, gpus: int) -> dict[str, str]:
    """What Ray believes it has: what the container has, not what the node has."""
    return {
        "num-cpus": str(cpus),
        # Also where there is none: images of CUDA show every GPU of the node to whoever asks.
        "num-gpus": str(gpus),
        "memory": str(memory_bytes(group.memory)),
    }
