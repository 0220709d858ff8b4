"""The fields of an object that a client can depend on: what a timeline records of it."""

import base64
from collections.abc import Callable
from typing import Any, Final

from tests.support.kuberay.api import Object
from tests.support.kuberay.clock import seconds

Relative = Callable[[str], float]
"""A time stamp in seconds since the beginning of the scenario."""

LABELS: Final = ("ray.io", "app.kubernetes", "batch")
JOB_STATUS: Final = (
    "jobDeploymentStatus",
    "jobStatus",
    "reason",
    "message",
    "rayClusterName",
    "jobId",
    "dashboardURL",
)
CLUSTER_STATUS: Final = (
    "state",
    "reason",
    "observedGeneration",
    "desiredWorkerReplicas",
    "minWorkerReplicas",
    "maxWorkerReplicas",
    "availableWorkerReplicas",
    "readyWorkerReplicas",
    "head",
)


def relevant_fields(kind: str, item: Object, *, first: bool, relative: Relative) -> Object:
    """What is recorded of an object; more when it is seen for the first time."""
    meta = _meta(item, first=first)
    match kind:
        case "RayJob":
            return meta | _job(item, relative)
        case "RayCluster":
            return meta | _cluster(item, first=first)
        case "Pod":
            return meta | _pod(item, first=first)
        case "Service":
            return meta | _service(item, first=first)
        case "Secret":
            data = item.get("data") or {}
            sizes = {key: len(base64.b64decode(value)) for key, value in data.items()}
            return meta | {"type": item.get("type"), "keys": sizes}
        case "Event":
            return _event(item)
    return meta


def relative_to(start: float) -> Relative:
    """Seconds since `start`, which is in seconds since 1970."""
    return lambda stamped: round(seconds(stamped) - start, 1)


def _meta(item: Object, *, first: bool) -> Object:
    meta = item["metadata"]
    found: Object = {
        "deleting": bool(meta.get("deletionTimestamp")),
        "finalizers": meta.get("finalizers"),
    }
    if first:
        owners = meta.get("ownerReferences") or []
        found |= {
            "ownerReferences": [f"{owner['kind']}/{owner['name']}" for owner in owners],
            "labels": _ours(meta.get("labels"), LABELS),
            "annotations": _ours(meta.get("annotations"), ("ray.io",)),
        }
    return _filled(found)


def _job(item: Object, relative: Relative) -> Object:
    status = item.get("status") or {}
    found = _filled({name: status.get(name) for name in JOB_STATUS})
    found |= {name: status[name] for name in ("failed", "succeeded") if name in status}
    times = ("startTime", "endTime", "jobStatusCheckFailureStartTime")
    found |= {name: relative(status[name]) for name in times if status.get(name)}
    info = {name: relative(value) for name, value in (status.get("rayJobInfo") or {}).items()}
    state = (status.get("rayClusterStatus") or {}).get("state")
    found |= _filled({"rayJobInfo": info, "rayClusterState": state})
    if "suspend" in item["spec"]:
        found["suspend"] = item["spec"]["suspend"]
    return found


def _cluster(item: Object, *, first: bool) -> Object:
    status = item.get("status") or {}
    found = {name: status.get(name) for name in CLUSTER_STATUS}
    told = ("type", "status", "reason", "message")
    conditions = status.get("conditions") or []
    found["conditions"] = [_filled({key: c.get(key) for key in told}) for c in conditions]
    if first:
        found["spec_keys"] = sorted(item["spec"])
    found = _filled(found)
    if "suspend" in item["spec"]:
        found["suspend"] = item["spec"]["suspend"]
    return found


def _pod(item: Object, *, first: bool) -> Object:
    status, spec = item.get("status") or {}, item["spec"]
    containers = [
        _container(container, init=init)
        for init, key in ((True, "initContainerStatuses"), (False, "containerStatuses"))
        for container in status.get(key) or []
    ]
    told = ("type", "status", "reason", "message")
    conditions = [
        _filled({key: c.get(key) for key in told})
        for c in status.get("conditions") or []
        if c["type"] == "Ready" or (c["type"] == "PodScheduled" and c["status"] == "False")
    ]
    found: Object = {
        "phase": status.get("phase"),
        "reason": status.get("reason"),
        "containers": containers,
        "conditions": conditions,
    }
    if first:
        found |= {
            "restartPolicy": spec.get("restartPolicy"),
            "initContainers": [c["name"] for c in spec.get("initContainers") or []],
            "containerNames": [c["name"] for c in spec["containers"]],
        }
    found = _filled(found)
    if item["metadata"].get("deletionTimestamp"):
        found["deletionGracePeriodSeconds"] = item["metadata"].get("deletionGracePeriodSeconds")
    return found


def _container(container: Object, *, init: bool) -> Object:
    return _filled(
        {
            "name": container["name"],
            "init": init,
            "ready": container.get("ready"),
            "restartCount": container.get("restartCount"),
            "state": _states(container.get("state")),
            "lastState": _states(container.get("lastState")),
        }
    )


def _states(states: Object | None) -> Object:
    told = ("reason", "message", "exitCode", "signal")
    return {
        name: {} if name == "running" else {key: state[key] for key in told if key in state}
        for name, state in (states or {}).items()
    }


def _service(item: Object, *, first: bool) -> Object:
    spec = item["spec"]
    if not first:
        return {"selector": spec.get("selector")}
    return {
        "clusterIP": "None" if spec.get("clusterIP") == "None" else "set",
        "type": spec.get("type"),
        "selector": spec.get("selector"),
        "ports": [f"{port.get('name')}:{port['port']}" for port in spec.get("ports") or []],
    }


def _event(item: Object) -> Object:
    about = item["involvedObject"]
    series = item.get("series")
    return _filled(
        {
            "type": item.get("type"),
            "reason": item.get("reason"),
            "message": item.get("message"),
            "involvedObject": f"{about.get('kind', '')}/{about.get('name', '')}",
            "count": item.get("count"),
            "source": (item.get("source") or {}).get("component"),
            "reportingComponent": item.get("reportingComponent"),
            "action": item.get("action"),
            "series": {"count": series["count"]} if series else None,
            "api": "events.k8s.io" if item.get("eventTime") else "core",
        }
    )


def _ours(values: dict[str, str] | None, prefixes: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in (values or {}).items() if key.startswith(prefixes)}


def _filled(values: dict[str, Any]) -> Object:
    return {
        key: value for key, value in values.items() if value not in (None, False, "", [], {}, 0)
    }
