"""Small RayClusters, RayJobs and pods for the tests here."""

from typing import Any

from tests.support.kuberay import names
from tests.support.kuberay.api import Object


def container(name: str = "ray", **fields: Any) -> Object:
    return {"name": name, "image": "image:1", **fields}


def group(name: str = "w", replicas: int = 1, **fields: Any) -> Object:
    return {
        "groupName": name,
        "replicas": replicas,
        "minReplicas": replicas,
        "maxReplicas": replicas,
        "numOfHosts": 1,
        "rayStartParams": {},
        "template": {"spec": {"containers": [container()]}},
        **fields,
    }


def cluster(name: str = "rc1", status: Object | None = None, **spec: Any) -> Object:
    found: Object = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": "u1",
            "generation": 1,
            "resourceVersion": "1",
        },
        "spec": {
            "rayVersion": "2.60.0",
            "headGroupSpec": {
                "rayStartParams": {},
                "template": {"spec": {"containers": [container()]}},
            },
            "workerGroupSpecs": [group()],
            **spec,
        },
    }
    return found | ({"status": status} if status else {})


def job(name: str = "rj1", **spec: Any) -> Object:
    fields = {
        "submissionMode": "InteractiveMode",
        "shutdownAfterJobFinishes": True,
        "rayClusterSpec": cluster()["spec"],
        **spec,
    }
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, "namespace": "ns", "uid": "u2", "resourceVersion": "1"},
        "spec": {key: value for key, value in fields.items() if value is not None},
    }


def pod(
    node_type: str = "worker",
    name: str = "p1",
    *,
    phase: str = "Running",
    ready: bool | None = True,
    index: int | None = None,
    policy: str = "Always",
    state: Object | None = None,
    **ready_condition: str,
) -> Object:
    """A pod of `rc1`; `ready` None leaves the condition out."""
    group_name = names.HEAD_GROUP if node_type == "head" else "w"
    labels = names.pod_labels("rc1", node_type, group_name, {})
    if index is not None:
        labels[names.REPLICA_INDEX] = str(index)
    condition = {"type": "Ready", "status": "True" if ready else "False", **ready_condition}
    statuses = [{"name": "ray", "state": state}] if state else []
    return {
        "metadata": {"name": name, "namespace": "ns", "labels": labels},
        "spec": {"containers": [container()], "restartPolicy": policy},
        "status": {
            "phase": phase,
            "conditions": [] if ready is None else [condition],
            "containerStatuses": statuses,
        },
    }
