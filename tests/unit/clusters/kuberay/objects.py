"""Small objects of Kubernetes, for situations that were not recorded."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis
from ml_platform.clusters.kuberay.seen import Object, Seen
from tests.unit.clusters.kuberay.recorded import BEGIN_S, time_text

PREEMPTED: Final = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "PreemptionByScheduler",
    "lastTransitionTime": time_text(60),
}
"""A condition of a pod that had to make room, a minute after the beginning."""


def running(t: float = 0.0) -> Object:
    """The state of a container that runs since then."""
    return {"running": {"startedAt": time_text(t)}}


def ended(code: int, reason: str = "Error", *, t: float = 0.0, message: str = "") -> Object:
    """The state of a container that has ended."""
    told = {"exitCode": code, "reason": reason, "finishedAt": time_text(t), "message": message}
    return {"terminated": told}


def waiting(reason: str, message: str = "") -> Object:
    """The state of a container that waits."""
    return {"waiting": {"reason": reason, "message": message}}


def container(
    name: str = "ray-worker",
    *,
    state: Object,
    last: Object | None = None,
    restarts: int = 0,
    ready: bool = False,
) -> Object:
    """The status of a container."""
    return {
        "name": name,
        "image": "registry.local/train:1",
        "state": state,
        "lastState": last or {},
        "restartCount": restarts,
        "ready": ready,
    }


def pod(
    name: str = "c-w-worker-abcde",
    *,
    containers: Sequence[Object] = (),
    init: Sequence[Object] = (),
    head: bool = False,
    phase: str = "Pending",
    ready: bool = False,
    conditions: Sequence[Object] = (),
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    going: bool = False,
) -> Object:
    """A pod of worker group `w`, or the head."""
    kind, group = ("head", "headgroup") if head else ("worker", "w")
    main = "ray-head" if head else "ray-worker"
    meta: dict[str, Any] = {"name": name, "uid": f"uid-{name}", "namespace": "ns"}
    meta["labels"] = {"ray.io/node-type": kind, "ray.io/group": group}
    if going:
        meta["deletionTimestamp"] = time_text(0)
    whole = {
        "nodeName": "node-1",
        "containers": [{"name": main, "image": "registry.local/train:1"}],
    }
    return {
        "metadata": meta,
        "spec": whole | dict(spec or {}),
        "status": {
            "phase": phase,
            "conditions": [
                {"type": "Ready", "status": str(ready), "lastTransitionTime": time_text(0)},
                *conditions,
            ],
            "containerStatuses": list(containers),
            "initContainerStatuses": list(init),
            **(status or {}),
        },
    }


def event(reason: str, message: str, name: str, *, kind: str = "Pod", t: float = 0.0) -> Object:
    """A warning about an object."""
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "name": name},
        "lastTimestamp": time_text(t),
    }


def ray_job(
    *, suspend: bool = False, queue: str = "", status: Mapping[str, Any] | None = None
) -> Object:
    """A RayJob, made at the beginning."""
    labels = {"kueue.x-k8s.io/queue-name": queue} if queue else {}
    meta = {"name": "c", "namespace": "ns", "labels": labels, "creationTimestamp": time_text(0)}
    return {"metadata": meta, "spec": {"suspend": suspend}, "status": dict(status or {})}


def ray_cluster(*conditions: Object, state: str = "") -> Object:
    """A RayCluster with one worker group, `w`."""
    return {
        "metadata": {"name": "c"},
        "spec": {"workerGroupSpecs": [{"groupName": "w"}]},
        "status": {"state": state, "conditions": list(conditions)},
    }


def seen_of(*pods: Object, events: Sequence[Object] = (), t: float = 0.0, **others: Any) -> Seen:
    """What is seen of a cluster."""
    taken_up = ray_job(status={"jobDeploymentStatus": "Initializing"})
    objects = {"ray_job": taken_up, "ray_cluster": None, **others}
    return Seen(pods=tuple(pods), events=tuple(events), at_s=BEGIN_S + t, **objects)


def only_finding(seen: Seen, **known: Any) -> Diagnosis:
    """The one trouble there is."""
    (found,) = diagnose(seen, **known)
    return found
