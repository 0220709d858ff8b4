"""The pods of a RayCluster as KubeRay makes them: names, labels, command, probes, waiting."""

import copy
from typing import Any, Final

from tests.support.kuberay import names, ray_start
from tests.support.kuberay.api import RAY_CLUSTER, Object
from tests.support.kuberay.environment import auth_variables, head_variables, worker_variables
from tests.support.kuberay.recreate import recreate_hash
from tests.support.kuberay.spec import version, wants_token

UNIFIED_HEALTH_SINCE: Final = (2, 53, 0)
OVERWRITE: Final = "ray.io/overwrite-container-cmd"
SHELL: Final = ["/bin/bash", "-c", "--"]
# The loop keeps the shell in place, which does not hear SIGTERM: a pod that waits takes its whole
# grace period to end, as it was recorded.
WAIT: Final = """
until ray health-check --address {address} &> /dev/null; do
  echo "no head answers at {address}, next try in 5 s"
  sleep 5
done
"""
PROBE: Final = (
    "wget --quiet --tries=1 --timeout={timeout_s} --output-document=- "
    "http://localhost:{port}/{path} | grep success"
)


def head_pod(cluster: Object) -> Object:
    """The head pod of a RayCluster."""
    group = cluster["spec"]["headGroupSpec"]
    meta = cluster["metadata"]
    pod = _from_template(cluster, group, "head", names.HEAD_GROUP)
    pod["metadata"]["generateName"] = names.pod_prefix(meta["name"], "head")
    pod["metadata"]["annotations"] |= {
        "ray.io/ft-enabled": "false",
        "ray.io/kuberay-version": names.VERSION,
        "ray.io/upgrade-strategy-recreate-hash": recreate_hash(cluster["spec"]),
    }
    port = ray_start.gcs_port(group.get("rayStartParams") or {})
    params = ray_start.complete_params(group, head=True, address="")
    container = pod["spec"]["containers"][0]
    if wants_token(cluster["spec"]):
        container["env"] += auth_variables(cluster, container["env"])
    command = _set_command(pod, params, head=True)
    for init in pod["spec"].get("initContainers", []):
        init["env"] = [*(init.get("env") or []), {"name": "FQ_RAY_IP"}, {"name": "RAY_IP"}]
    container["env"] += head_variables(container["env"], port, command, _origin(cluster))
    _add_probes(container, params, cluster["spec"].get("rayVersion", ""), head=True)
    return pod


def worker_pod(cluster: Object, group: Object, index: int, domain: str) -> Object:
    """A worker pod; `index` is its place in the group."""
    meta = cluster["metadata"]
    head = cluster["spec"]["headGroupSpec"]
    fqdn = names.head_address(meta["name"], meta["namespace"], domain)
    port = ray_start.gcs_port(head.get("rayStartParams") or {})
    pod = _from_template(cluster, group, "worker", group["groupName"])
    pod["metadata"].pop("name", None)
    pod["metadata"]["generateName"] = names.pod_prefix(
        f"{meta['name']}-{group['groupName']}", "worker"
    )
    pod["metadata"]["labels"][names.REPLICA_INDEX] = str(index)
    container = pod["spec"]["containers"][0]
    wait = _wait_container(container, f"{fqdn}:{port}")
    pod["spec"]["initContainers"] = [*(pod["spec"].get("initContainers") or []), wait]
    params = ray_start.complete_params(group, head=False, address=f"{fqdn}:{port}")
    if wants_token(cluster["spec"]):
        for each in (container, wait):
            each["env"] += auth_variables(cluster, each["env"])
    command = _set_command(pod, params, head=False)
    service = names.head_service(meta["name"])
    for init in pod["spec"]["initContainers"]:
        init["env"] = [
            *(init.get("env") or []),
            {"name": "FQ_RAY_IP", "value": fqdn},
            {"name": "RAY_IP", "value": service},
        ]
    container["env"] += worker_variables(container["env"], port, command, fqdn, service)
    _add_probes(container, params, cluster["spec"].get("rayVersion", ""), head=False)
    return pod


def _from_template(cluster: Object, group: Object, node_type: str, group_name: str) -> Object:
    template = copy.deepcopy(group["template"])
    meta: Object = template.get("metadata") or {}
    overlay = {**(meta.get("labels") or {}), **(group.get("labels") or {})}
    meta["namespace"] = cluster["metadata"]["namespace"]
    meta["labels"] = names.pod_labels(cluster["metadata"]["name"], node_type, group_name, overlay)
    meta["annotations"] = dict(meta.get("annotations") or {})
    overwrite = (cluster["metadata"].get("annotations") or {}).get(OVERWRITE)
    if overwrite:
        meta["annotations"].setdefault(OVERWRITE, overwrite)
    meta["ownerReferences"] = names.owned_by(cluster, RAY_CLUSTER)
    container = template["spec"]["containers"][0]
    container["env"] = list(container.get("env") or [])
    ports = container.setdefault("ports", [])
    if not any(port.get("name") == "metrics" for port in ports):
        ports.append({"name": "metrics", "containerPort": ray_start.METRICS_PORT})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


def _wait_container(container: Object, address: str) -> Object:
    """Waits for the head's GCS, without end, in the worker's own image and environment."""
    resources = {"cpu": "200m", "memory": "256Mi"}
    wait: Object = {
        "name": "wait-gcs-ready",
        "image": container["image"],
        "command": list(SHELL),
        "args": [WAIT.format(address=address)],
        "env": copy.deepcopy(container["env"]),
        "volumeMounts": copy.deepcopy(container.get("volumeMounts") or []),
        "resources": {"limits": resources, "requests": resources},
    }
    for key in ("imagePullPolicy", "securityContext"):
        if key in container:
            wait[key] = copy.deepcopy(container[key])
    return wait


def _set_command(pod: Object, params: dict[str, str], *, head: bool) -> str:
    """Give the Ray container its command; the generated `ray start` is returned."""
    container = pod["spec"]["containers"][0]
    if "plasma-directory" not in params:
        _add_shared_memory(pod, container)
    start = ray_start.command(params, container, head=head)
    own = " ".join([*(container.get("command") or []), *(container.get("args") or [])])
    overwritten = pod["metadata"]["annotations"].get(OVERWRITE, "").lower() == "true"
    if not overwritten and "ray start" not in own:
        generated = f"{ray_start.ULIMIT}; {start}"
        container["command"] = list(SHELL)
        container["args"] = [f" {own}  && {generated}" if own else generated]
    return start


def _add_shared_memory(pod: Object, container: Object) -> None:
    mounts = container.setdefault("volumeMounts", [])
    if any(mount["mountPath"] == "/dev/shm" for mount in mounts):
        return
    volumes = pod["spec"].setdefault("volumes", [])
    if not any(volume["name"] == "shared-mem" for volume in volumes):
        resources = container.get("resources") or {}
        source: dict[str, Any] = {"medium": "Memory"}
        for bound in ("limits", "requests"):
            if limit := (resources.get(bound) or {}).get("memory"):
                source["sizeLimit"] = limit
                break
        volumes.append({"name": "shared-mem", "emptyDir": source})
    mounts.append({"name": "shared-mem", "mountPath": "/dev/shm"})


def _add_probes(container: Object, params: dict[str, str], ray: str, *, head: bool) -> None:
    check: Object
    port = int(params["dashboard-agent-listen-port"])
    if (version(ray) or (0,)) >= UNIFIED_HEALTH_SINCE:
        check = {"httpGet": {"path": "/api/healthz", "port": port}}
    else:
        commands = [PROBE.format(timeout_s=2, port=port, path="api/local_raylet_healthz")]
        if head:
            dashboard = int(params.get("dashboard-port", ray_start.DASHBOARD_PORT))
            commands.append(PROBE.format(timeout_s=10, port=dashboard, path="api/gcs_healthz"))
        check = {"exec": {"command": ["bash", "-c", " && ".join(commands)]}}
    common = {"periodSeconds": 5, "successThreshold": 1, "timeoutSeconds": 5 if head else 2}
    liveness = {**check, **common, "initialDelaySeconds": 30, "failureThreshold": 120}
    readiness = {**check, **common, "initialDelaySeconds": 10, "failureThreshold": 10}
    container.setdefault("livenessProbe", liveness)
    container.setdefault("readinessProbe", readiness)


def _origin(cluster: Object) -> str:
    return str((cluster["metadata"].get("labels") or {}).get(names.ORIGIN_KIND, "RayCluster"))
