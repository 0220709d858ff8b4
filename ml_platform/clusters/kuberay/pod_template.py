"""The pod of a head or of a worker: Ray's container, its health, its rights and its resources."""

import math
from collections.abc import Mapping
from typing import Any, Final

from ml_platform.clusters.kuberay.autoscaler import token_volume
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.environment import environment
from ml_platform.clusters.kuberay.gangs.fitting import Need, fitting, need_of
from ml_platform.clusters.kuberay.placement import both, placement
from ml_platform.clusters.kuberay.pod_fields import OF_CONTAINER, OF_METADATA, merged
from ml_platform.clusters.kuberay.pre_stop import pre_stop
from ml_platform.clusters.kuberay.wait_for_head import wait_for_head
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup, memory_bytes

USER: Final = 1000
AGENT_PORT: Final = 52365
"""Of Ray's agent on every node; KubeRay's own probes ask there too."""
GPU_RESOURCE: Final = "nvidia.com/gpu"
OBJECT_STORE_SHARE: Final = 0.3
"""Ray takes this part of the free memory for its object store, in /dev/shm if that is as large."""
SHARED_MEMORY: Final = "shared-mem"
_SHARED_MEMORY_PATH: Final = "/dev/shm"
_PROBE_TIMEOUT_S: Final = 5
_LIVENESS_PERIOD_S: Final = 10
_SILENT_S: Final = 600


def pod_template(
    group: HeadGroup | WorkerGroup,
    spec: ClusterSpec,
    config: KubeRayConfig,
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """The template of a head's or a group's pods; `labels` are those of the cluster."""
    fields = merged(config.pod, group.pod)
    metadata = {"labels": {**fields.get("labels", {}), **labels}}
    if "annotations" in fields:
        metadata["annotations"] = fields["annotations"]
    need = need_of(group, spec, config, fields)
    container = _container(group, need, spec, config, fields)
    pod: dict[str, Any] = {"containers": [container]}
    if isinstance(group, WorkerGroup):
        pod["initContainers"] = [wait_for_head(container)]
    else:
        container["name"] = "ray-head"
    if config.service_account:
        pod["serviceAccountName"] = config.service_account
    if spec.priority:
        pod["priorityClassName"] = spec.priority
    volumes = _shared_memory(group, container)
    if isinstance(group, HeadGroup) and spec.is_elastic:
        volumes.append(token_volume())
    pod |= {
        "automountServiceAccountToken": False,
        # Else a service called `ray` in the namespace sets RAY_PORT, which Ray reads.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": config.limits.grace_s,
        "shareProcessNamespace": True,  # for `pre_stop`
    }
    return {"metadata": metadata, "spec": pod | _with_theirs(need, config, fields, volumes)}


def _shared_memory(
    group: HeadGroup | WorkerGroup, container: dict[str, Any]
) -> list[dict[str, Any]]:
    """Mounts the object store's place, unless the user has; the volumes for it.

    KubeRay would add one as large as all of the memory. What is written there counts as memory of
    the container.
    """
    mounts = container.setdefault("volumeMounts", [])
    if _SHARED_MEMORY_PATH in [mount["mountPath"] for mount in mounts]:
        return []
    mounts.append({"name": SHARED_MEMORY, "mountPath": _SHARED_MEMORY_PATH})
    size = math.ceil(memory_bytes(group.memory) * OBJECT_STORE_SHARE)
    return [{"name": SHARED_MEMORY, "emptyDir": {"medium": "Memory", "sizeLimit": str(size)}}]


def _with_theirs(
    need: Need,
    config: KubeRayConfig,
    fields: Mapping[str, Any],
    volumes: list[dict[str, Any]],
) -> dict[str, Any]:
    """Fields of the pod that we and the user both have something to say of."""
    secrets = [{"name": name} for name in config.image_pull_secrets]
    ours = placement(need, config.catalogue)
    theirs = {key: fields[key] for key in fields if key not in (*OF_METADATA, *OF_CONTAINER)}
    united = merged({**ours, "volumes": volumes, "imagePullSecrets": secrets}, theirs)
    if affinity := both(ours.get("affinity", {}), fields.get("affinity", {})):
        united["affinity"] = affinity
    return {key: value for key, value in united.items() if value}


def _container(
    group: HeadGroup | WorkerGroup,
    need: Need,
    spec: ClusterSpec,
    config: KubeRayConfig,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    env = environment(config.limits) | dict(config.env)
    variables = [{"name": key, "value": value} for key, value in sorted(env.items())]
    secrets = [{"secretRef": {"name": name}} for name in config.env_from_secrets]
    given = {key: fields[key] for key in OF_CONTAINER if key in fields}
    added = merged({"env": variables, "envFrom": secrets}, given)
    # No command: KubeRay writes `ray start` there, from the group's `rayStartParams`.
    container: dict[str, Any] = {
        "name": "ray-worker",
        "image": spec.image or config.image,
        **{key: value for key, value in added.items() if value},
        "resources": _resources(group, need, config),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "lifecycle": {"preStop": pre_stop()},
        **_probes(config),
    }
    if config.image_pull_policy:
        container["imagePullPolicy"] = config.image_pull_policy
    return container


def _resources(group: HeadGroup | WorkerGroup, need: Need, config: KubeRayConfig) -> dict[str, Any]:
    bounded = {"memory": group.memory}
    if group.disk:
        bounded["ephemeral-storage"] = group.disk
    if need.gpus:
        kinds = fitting(need, config.catalogue)
        bounded[kinds[0].gpu_resource if kinds else GPU_RESOURCE] = str(need.gpus)
    # CPUs without a limit: Ray starts, and compiles, on what the node has to spare.
    cpus = group.cpus * config.cpu_request_share
    return {"requests": {"cpu": f"{round(cpus * 1000)}m", **bounded}, "limits": bounded}


def _probes(config: KubeRayConfig) -> dict[str, Any]:
    """Ray's own word, asked for over HTTP: no shell of the image decides whether a pod lives.

    KubeRay's wait 10 s before their first look and look every 5 s after; these look each second. A
    node that has been ready is ended only after ten silent minutes.
    """
    health = {
        "httpGet": {"path": "/api/healthz", "port": AGENT_PORT},
        "timeoutSeconds": _PROBE_TIMEOUT_S,
    }
    return {
        # Our own clock is the shorter one: it names the cause, a restart would hide it.
        "startupProbe": {
            **health,
            "periodSeconds": 1,
            "failureThreshold": math.ceil(config.limits.start_s) + 60,
        },
        "readinessProbe": {**health, "periodSeconds": 1, "failureThreshold": 10},
        "livenessProbe": {
            **health,
            "periodSeconds": _LIVENESS_PERIOD_S,
            "failureThreshold": _SILENT_S // _LIVENESS_PERIOD_S,
        },
    }
