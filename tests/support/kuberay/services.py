"""The head services of a RayCluster and of a RayJob."""

from typing import Final

from tests.support.kuberay import names
from tests.support.kuberay.api import RAY_CLUSTER, RAY_JOB, Object

DEFAULT_PORTS: Final = {
    "client": 10001,
    "dashboard": 8265,
    "gcs-server": 6379,
    "metrics": 8080,
    "serve": 8000,
}


def cluster_head_service(cluster: Object) -> Object:
    """Headless, and made before the pods."""
    meta = cluster["metadata"]
    labels = names.head_service_labels(meta["name"])
    template = cluster["spec"]["headGroupSpec"]["template"]
    app = ((template.get("metadata") or {}).get("labels") or {}).get(names.APP_NAME)
    if app:
        labels[names.APP_NAME] = app
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.head_service(meta["name"]),
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": dict(cluster["spec"].get("headServiceAnnotations") or {}),
            "ownerReferences": names.owned_by(cluster, RAY_CLUSTER),
        },
        "spec": _spec(cluster, labels),
    }


def job_head_service(job: Object, cluster: Object) -> Object:
    """The name that stays while a RayJob goes from one RayCluster to the next."""
    meta = job["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.head_service(meta["name"]),
            "namespace": meta["namespace"],
            "labels": {
                names.ORIGIN_NAME: meta["name"],
                names.ORIGIN_KIND: "RayJob",
                names.NODE_TYPE: "head",
                names.IDENTIFIER: names.clip_label(f"{meta['name']}-head"),
            },
            "ownerReferences": names.owned_by(job, RAY_JOB),
        },
        "spec": _spec(cluster, names.head_service_labels(cluster["metadata"]["name"])),
    }


def dashboard_address(service: Object, domain: str) -> str | None:
    """Where the Jobs API is, without a scheme; None if the service has no such port."""
    for port in service["spec"].get("ports") or []:
        if port.get("name") == "dashboard":
            meta = service["metadata"]
            return f"{meta['name']}.{meta['namespace']}.svc.{domain}:{port['port']}"
    return None


def selected_cluster(service: Object) -> str | None:
    """The RayCluster that a service leads to: the operator looks at no other key."""
    selector: dict[str, str] = service["spec"].get("selector") or {}
    return selector.get(names.CLUSTER)


def endpoints(service: Object) -> dict[str, str]:
    """`status.endpoints` of a RayCluster."""
    ports = service["spec"].get("ports") or []
    return {
        port["name"]: str(port.get("nodePort") or port.get("targetPort") or port["port"])
        for port in ports
        if port.get("name")
    }


def _spec(cluster: Object, selector: dict[str, str]) -> Object:
    container = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    declared = {
        port.get("name") or f"{port['containerPort']}-port": port["containerPort"]
        for port in container.get("ports") or []
    }
    ports = {"metrics": 8080, **declared} if declared else DEFAULT_PORTS
    return {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": dict(selector),
        "ports": [
            {"name": name, "port": ports[name], "appProtocol": "tcp"} for name in sorted(ports)
        ],
    }
