"""Environment variables that KubeRay gives to Ray's containers."""

from tests.support.kuberay import names
from tests.support.kuberay.api import Object

Variables = list[Object]


def head_variables(own: Variables, port: str, command: str, origin: str) -> Variables:
    """Of the head container, besides those that the user set."""
    tags = f"kuberay_version={names.VERSION};kuberay_crd={origin}"
    return [
        *_of_every_pod(own, port, command, "127.0.0.1"),
        {"name": "RAY_USAGE_STATS_EXTRA_TAGS", "value": tags},
        *_unless_set(own, RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE="1"),
    ]


def worker_variables(own: Variables, port: str, command: str, fqdn: str, service: str) -> Variables:
    """Of a worker's Ray container, besides those that the user set."""
    return [
        {"name": "FQ_RAY_IP", "value": fqdn},
        {"name": "RAY_IP", "value": service},
        *_of_every_pod(own, port, command, fqdn),
        *_unless_set(own, RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE="1"),
    ]


def auth_variables(cluster: Object, own: Variables) -> Variables:
    """Token authentication: the mode, and the token from the secret."""
    given = (cluster["spec"].get("authOptions") or {}).get("secretName")
    secret = given or names.clip_name(cluster["metadata"]["name"])
    reference = {"secretKeyRef": {"name": secret, "key": names.TOKEN_KEY}}
    return [
        *_unless_set(own, RAY_AUTH_MODE="token"),
        *(
            []
            if _is_set(own, "RAY_AUTH_TOKEN")
            else [{"name": "RAY_AUTH_TOKEN", "valueFrom": reference}]
        ),
    ]


def _of_every_pod(own: Variables, port: str, command: str, ip: str) -> Variables:
    return [
        _field("RAY_CLUSTER_NAME", f"metadata.labels['{names.CLUSTER}']"),
        _field("RAY_CLUSTER_NAMESPACE", "metadata.namespace"),
        _field("RAY_CLOUD_INSTANCE_ID", "metadata.name"),
        _field("RAY_NODE_TYPE_NAME", f"metadata.labels['{names.GROUP}']"),
        {"name": "KUBERAY_GEN_RAY_START_CMD", "value": command},
        *_unless_set(
            own,
            RAY_PORT=port,
            RAY_ADDRESS=f"{ip}:{port}",
            RAY_USAGE_STATS_KUBERAY_IN_USE="1",
        ),
    ]


def _field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _is_set(own: Variables, name: str) -> bool:
    return any(variable["name"] == name for variable in own)


def _unless_set(own: Variables, **defaults: str) -> Variables:
    return [
        {"name": name, "value": value} for name, value in defaults.items() if not _is_set(own, name)
    ]
