"""Reading of a RayCluster's spec: groups, counts, resources, versions; all pure."""

import re
from typing import Final

from tests.support.kuberay.api import Object
from tests.support.kuberay.quantities import total

MAX_INT32: Final = 2**31 - 1


def groups(cluster: Object) -> list[Object]:
    """The worker groups of a RayCluster."""
    found: list[Object] = cluster["spec"].get("workerGroupSpecs") or []
    return found


def desired(group: Object) -> int:
    """Pods that a group should have: its replicas within its bounds."""
    low, high = group.get("minReplicas", 0), group.get("maxReplicas", MAX_INT32)
    return int(max(low, min(high, group.get("replicas", low))) * group.get("numOfHosts", 1))


def minimum(cluster: Object) -> int:
    """Pods that all groups have at least."""
    return sum(g.get("minReplicas", 0) * g.get("numOfHosts", 1) for g in groups(cluster))


def maximum(cluster: Object) -> int:
    """Pods that all groups have at most."""
    bound = sum(g.get("maxReplicas", MAX_INT32) * g.get("numOfHosts", 1) for g in groups(cluster))
    return min(bound, MAX_INT32)


def wants_token(cluster_spec: Object) -> bool:
    """Whether token authentication is on: only by `mode: token`."""
    return bool((cluster_spec.get("authOptions") or {}).get("mode") == "token")


def needs_secret(cluster_spec: Object) -> bool:
    """Whether the operator makes the secret: also where `mode` was left out."""
    options = cluster_spec.get("authOptions")
    if options is None or options.get("mode") == "disabled":
        return False
    return not options.get("secretName")


def externally_managed(spec: Object) -> bool:
    """Whether another controller (Kueue) has said that it looks after the object."""
    return spec.get("managedBy", "ray.io/kuberay-operator") != "ray.io/kuberay-operator"


def version(text: str) -> tuple[int, ...] | None:
    """A Ray version as numbers, None if it is not one."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?.*", text)
    return tuple(int(part or 0) for part in match.groups()) if match else None


def desired_resources(cluster: Object) -> dict[str, str]:
    """CPU, memory, GPU and TPU of head and workers together, from requests or else limits."""
    templates = [(cluster["spec"]["headGroupSpec"]["template"], 1)]
    templates += [
        (g["template"], g.get("replicas", 0) * g.get("numOfHosts", 1)) for g in groups(cluster)
    ]
    found: dict[str, list[str]] = {}
    for template, count in templates:
        for container in template["spec"]["containers"]:
            resources = container.get("resources") or {}
            wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
            for name, quantity in wanted.items():
                found.setdefault(name, []).extend([str(quantity)] * count)
    gpus = [q for name, each in found.items() if name.endswith("gpu") for q in each]
    return {
        "desiredCPU": total(found.get("cpu", [])),
        "desiredMemory": total(found.get("memory", [])),
        "desiredGPU": total(gpus),
        "desiredTPU": total(found.get("google.com/tpu", [])),
    }
