"""The command `ray start` of a pod, with the parameters that KubeRay adds."""

import json
from typing import Final

from tests.support.kuberay.api import Object
from tests.support.kuberay.quantities import amount, whole

GCS_PORT: Final = "6379"
METRICS_PORT: Final = 8080
AGENT_PORT: Final = 52365
DASHBOARD_PORT: Final = 8265
TAKES_FALSE: Final = frozenset({"log-color", "include-dashboard", "include-log-monitor"})
ULIMIT: Final = "ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}"


def gcs_port(head_params: dict[str, str]) -> str:
    """Where the head's GCS listens."""
    return head_params.get("port", GCS_PORT)


def complete_params(group: Object, *, head: bool, address: str) -> dict[str, str]:
    """A group's `rayStartParams` with defaults; `address` is the head's, for workers."""
    params = dict(group.get("rayStartParams") or {})
    params |= _from_resources(group.get("resources") or {})
    if labels := group.get("labels"):
        params["labels"] = ",".join(f"{key}={labels[key]}" for key in sorted(labels))
    if head:
        params.setdefault("dashboard-host", "0.0.0.0")
    else:
        params.setdefault("address", address)
    params.setdefault("metrics-export-port", str(METRICS_PORT))
    params["block"] = "true"
    params.setdefault("dashboard-agent-listen-port", str(AGENT_PORT))
    return params


def command(params: dict[str, str], container: Object, *, head: bool) -> str:
    """The full command line; CPU, memory and GPUs come from the container where not given."""
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    params = dict(params)
    if cpu := limits.get("cpu") or requests.get("cpu"):
        params.setdefault("num-cpus", str(whole(cpu)))
    if memory := limits.get("memory"):
        params.setdefault("memory", str(whole(memory)))
    for name in sorted(limits):
        if name.endswith("gpu") and amount(limits[name]):
            params.setdefault("num-gpus", str(whole(limits[name])))
            break
    return f"ray start {'--head ' if head else ''}{_flags(params)}"


def _flags(params: dict[str, str]) -> str:
    flags = []
    for name in sorted(params):
        value = params[name]
        if value.lower() in ("true", "false") and name not in TAKES_FALSE:
            if value.lower() == "true":
                flags.append(f" --{name} ")
        else:
            flags.append(f" --{name}={value} ")
    return "".join(flags)


def _from_resources(resources: dict[str, str]) -> dict[str, str]:
    """A group's top-level `resources` as parameters."""
    params: dict[str, str] = {}
    custom: dict[str, float] = {}
    for name, quantity in resources.items():
        key = name.lower()
        if key in ("cpu", "memory"):
            params["num-cpus" if key == "cpu" else "memory"] = str(whole(quantity))
        elif key.endswith("gpu"):
            params["num-gpus"] = str(whole(quantity))
        else:
            custom[name] = float(amount(quantity))
    if custom:
        params["resources"] = f"'{json.dumps(custom, separators=(',', ':'))}'"
    return params
