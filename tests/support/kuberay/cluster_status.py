"""The status of a RayCluster, from its spec, its pods and its head service."""

from dataclasses import dataclass
from typing import Final

from tests.support.kuberay.api import Object
from tests.support.kuberay.conditions import Conditions, is_true, with_condition, without
from tests.support.kuberay.names import NODE_TYPE
from tests.support.kuberay.services import endpoints
from tests.support.kuberay.spec import desired, desired_resources, groups, maximum, minimum

HEAD_READY: Final = "HeadPodReady"
PROVISIONED: Final = "RayClusterProvisioned"
SUSPENDING: Final = "RayClusterSuspending"
SUSPENDED: Final = "RayClusterSuspended"
REPLICA_FAILURE: Final = "ReplicaFailure"
COMPARED: Final = (
    "state",
    "reason",
    "readyWorkerReplicas",
    "availableWorkerReplicas",
    "desiredWorkerReplicas",
    "minWorkerReplicas",
    "maxWorkerReplicas",
    "endpoints",
    "head",
    "conditions",
)
"""Only a change of these is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """How a pass over the cluster failed.

    Attributes:
        reason: Reason of the ReplicaFailure condition; empty where that does not tell.
        message: Its message.
    """

    reason: str
    message: str


def cluster_status(
    cluster: Object, pods: list[Object], service: Object, trouble: Trouble | None, now: str
) -> Object:
    """The whole new status; `now` in RFC 3339."""
    old = cluster.get("status") or {}
    spec = cluster["spec"]
    conditions: Conditions = list(old.get("conditions") or [])
    if trouble is None:
        conditions = without(conditions, REPLICA_FAILURE)
    elif trouble.reason:
        conditions = with_condition(
            conditions, REPLICA_FAILURE, True, trouble.reason, trouble.message, now
        )
    workers = [pod for pod in pods if pod["metadata"]["labels"].get(NODE_TYPE) == "worker"]
    wanted = sum(desired(group) for group in groups(cluster))
    state = old.get("state", "")
    if trouble is None and len(pods) == wanted + 1 and all_ready(pods):
        state = "ready"
    head = next((p for p in pods if p["metadata"]["labels"].get(NODE_TYPE) == "head"), None)
    conditions = _with_head(conditions, head, now)
    conditions = _with_life(conditions, pods, spec.get("suspend"), now)
    if spec.get("suspend") and not pods:
        state = "suspended"
    times = dict(old.get("stateTransitionTimes") or {})
    if state != old.get("state", ""):
        times[state] = now
    return _without_zeros(
        {
            "observedGeneration": cluster["metadata"]["generation"],
            "state": state,
            "stateTransitionTimes": times,
            "desiredWorkerReplicas": wanted,
            "minWorkerReplicas": minimum(cluster),
            "maxWorkerReplicas": maximum(cluster),
            "availableWorkerReplicas": sum(_phase(pod) == "Running" for pod in workers),
            "readyWorkerReplicas": sum(is_ready(pod) for pod in workers),
            "endpoints": {**(old.get("endpoints") or {}), **endpoints(service)},
            "conditions": conditions,
            "lastUpdateTime": now,
        }
    ) | {**desired_resources(cluster), "head": _head_info(head, service)}


def worth_writing(old: Object | None, new: Object | None) -> bool:
    """Whether two statuses of a RayCluster differ in what is written for."""
    before, after = old or {}, new or {}
    return any((before.get(key) or None) != (after.get(key) or None) for key in COMPARED)


def is_ready(pod: Object) -> bool:
    """Running, with the condition Ready."""
    ready = _ready_condition(pod)
    return _phase(pod) == "Running" and ready is not None and ready["status"] == "True"


def all_ready(pods: list[Object]) -> bool:
    """There are pods, and all of them run and are ready (or nobody has said otherwise)."""
    return bool(pods) and all(
        _phase(pod) == "Running"
        and (_ready_condition(pod) or {"status": "True"})["status"] == "True"
        for pod in pods
    )


def _with_head(conditions: Conditions, head: Object | None, now: str) -> Conditions:
    if head is None:
        missing = ("HeadPodNotFound", "Head Pod not found")
        return with_condition(conditions, HEAD_READY, False, *missing, now)
    ready = _ready_condition(head)
    if ready is None:
        return with_condition(conditions, HEAD_READY, False, "Unknown", "", now)
    status = ready["status"] == "True"
    reason = ready.get("reason") or ("HeadPodRunningAndReady" if status else "Unknown")
    message = ready.get("message", "")
    if reason == "ContainersNotReady" and (cause := _cause(head)):
        reason = cause[0]
        message = f"{message}; {cause[1]}" if message else cause[1]
    return with_condition(conditions, HEAD_READY, status, reason, message, now)


def _cause(pod: Object) -> tuple[str, str] | None:
    """Reason and message of the first container that waits or has ended."""
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            if kind in state:
                message = f"{container['name']}: {state[kind].get('message', '')}"
                return state[kind].get("reason", ""), message
    return None


def _with_life(
    conditions: Conditions, pods: list[Object], suspend: bool | None, now: str
) -> Conditions:
    """Provisioned, Suspended and Suspending."""
    suspending, suspended = is_true(conditions, SUSPENDING), is_true(conditions, SUSPENDED)
    if not is_true(conditions, PROVISIONED) and not suspended:
        if all_ready(pods):
            told = ("AllPodRunningAndReadyFirstTime", "All Ray Pods are ready for the first time")
        else:
            told = (
                "RayClusterPodsProvisioning",
                "RayCluster Pods are being provisioned for first time",
            )
        conditions = with_condition(conditions, PROVISIONED, all_ready(pods), *told, now)
    if suspending:
        if not pods:
            told = ("RayClusterPodsProvisioning", "RayCluster has been suspended")
            conditions = with_condition(conditions, PROVISIONED, False, *told, now)
            conditions = with_condition(conditions, SUSPENDING, False, SUSPENDING, "", now)
            conditions = with_condition(conditions, SUSPENDED, True, SUSPENDED, "", now)
    elif suspended:
        # Leaving the field out does not resume: it has to say false.
        if suspend is False:
            conditions = with_condition(conditions, SUSPENDED, False, SUSPENDED, "", now)
    else:
        conditions = with_condition(conditions, SUSPENDED, False, SUSPENDED, "", now)
        conditions = with_condition(conditions, SUSPENDING, bool(suspend), SUSPENDING, "", now)
    return conditions


def _head_info(head: Object | None, service: Object) -> Object:
    info = {"serviceName": service["metadata"]["name"]}
    if head is not None:
        info["podName"] = head["metadata"]["name"]
        if ip := (head.get("status") or {}).get("podIP"):
            info |= {"podIP": ip, "serviceIP": ip}
    return info


def _ready_condition(pod: Object) -> Object | None:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == "Ready"), None)


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def _without_zeros(status: Object) -> Object:
    return {key: value for key, value in status.items() if value not in (0, "", {}, [])}
