"""What is wrong with the fields of a pod that people add."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ml_platform.clusters.kuberay.autoscaler import TOKEN
from ml_platform.clusters.kuberay.pod_fields import FIELDS, IDENTITY
from ml_platform.clusters.kuberay.pod_template import SHARED_MEMORY
from ml_platform.clusters.kuberay.words import (
    did_you_mean,
    is_label_key,
    is_label_value,
    is_variable,
)

VOLUMES: Final = (
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
    *("persistentVolumeClaim", "projected", "secret"),
)
"""Those that a hardened namespace lets in; `hostPath` reaches into the node."""
_OURS: Final = ("ray.io", "ml-platform", "kueue.x-k8s.io")
_RECOMMENDED: Final = re.compile(r"app\.kubernetes\.io/(name|created-by|managed-by)")
# Written by KubeRay, and by us: another value cuts the pod off, or makes the cluster invalid.
_RESERVED_VARIABLES: Final = frozenset(
    {
        *("FQ_RAY_IP", "RAY_IP", "RAY_ADDRESS", "RAY_PORT", "RAY_NODE_TYPE_NAME"),
        *("RAY_CLUSTER_NAME", "RAY_CLUSTER_NAMESPACE", "RAY_CLOUD_INSTANCE_ID"),
        *("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "KUBERAY_GEN_RAY_START_CMD"),
        *("RAY_REDIS_ADDRESS", "REDIS_USERNAME", "REDIS_PASSWORD", "RAY_enable_autoscaler_v2"),
    }
)
_SECRET: Final = re.compile(
    r"(.*_)?(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY)", re.IGNORECASE
)


def pod_field_mistakes(where: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a `pod`; `where` says whose, such as `workers.pod`."""
    for name, value in fields.items():
        wanted = FIELDS.get(name)
        if wanted is None:
            near = did_you_mean(name, FIELDS)
            yield f"{where}.{name} cannot be set{near or ';'} these can: {', '.join(FIELDS)}"
        elif not isinstance(value, wanted):
            kind = _IN_WORDS[wanted.__name__]
            yield f"{where}.{name} is {value!r}, wanted {kind}"
        else:
            check = _FIELD_CHECKS.get(name, _entries)
            yield from check(f"{where}.{name}", name, value)


def mount_mistakes(where: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """Mounts of volumes that there are not; `fields` are those of all places together."""
    volumes = [volume["name"] for volume in fields.get("volumes", [])]
    for mount in fields.get("volumeMounts", []):
        if mount.get("name") not in volumes:
            there = ", ".join(volumes) or "none"
            yield f"{where}: {mount['mountPath']} mounts {mount.get('name')}, volumes are {there}"


def variable_mistakes(where: str, name: str, *, literal: bool) -> Iterator[str]:
    """What is wrong with a variable; `literal`: its value stands beside it."""
    if not is_variable(name):
        yield f"{where} sets {name!r}, which is no name of a variable"
    elif name in _RESERVED_VARIABLES:
        yield f"{where} sets {name}, which KubeRay sets; leave it out"
    elif literal and _SECRET.fullmatch(name):
        yield (
            f"{where} has {name} in clear text; put it into a secret of Kubernetes and name that "
            "one (env_from_secrets, or valueFrom.secretKeyRef)"
        )


def _entries(where: str, name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        return
    for entry in value:
        identity = IDENTITY.get(name)
        if not isinstance(entry, dict):
            yield f"{where} has the entry {entry!r}, wanted a mapping"
        elif identity and not isinstance(entry.get(identity), str):
            yield f"{where} has the entry {entry!r}, wanted one with `{identity}`"


def _metadata(where: str, name: str, value: dict[str, Any]) -> Iterator[str]:
    for key, text in value.items():
        domain = str(key).rpartition("/")[0]
        ours = any(domain == one or domain.endswith(f".{one}") for one in _OURS)
        if ours or _RECOMMENDED.fullmatch(str(key)):
            yield f"{where} sets {key}, which KubeRay and the platform write; remove it"
        elif not is_label_key(str(key)):
            yield f"{where} has the key {key!r}, wanted `name` or `domain/name`"
        elif not isinstance(text, str):
            yield f"{where}: {key} is {text!r}, wanted text; put it in quotes"
        elif name != "annotations" and not is_label_value(text):
            yield (
                f"{where}: {key} is {text!r}, wanted at most 63 letters, digits, dashes, dots and "
                "underscores, with a letter or digit at both ends"
            )


def _node_selector(where: str, name: str, value: dict[str, Any]) -> Iterator[str]:
    for key, text in value.items():
        if not is_label_key(str(key)) or not isinstance(text, str) or not is_label_value(text):
            yield f"{where} has {key!r}: {text!r}, which is no label of a node"


def _env(where: str, name: str, value: list[Any]) -> Iterator[str]:
    if wrong := list(_entries(where, name, value)):
        yield from wrong
        return
    for entry in value:
        yield from variable_mistakes(where, entry["name"], literal="value" in entry)


def _mounts(where: str, name: str, value: list[Any]) -> Iterator[str]:
    if wrong := list(_entries(where, name, value)):
        yield from wrong
        return
    for entry in value:
        if not entry["mountPath"].startswith("/"):
            yield f"{where}: mountPath is {entry['mountPath']!r}, wanted a path from the root"


def _volumes(where: str, name: str, value: list[Any]) -> Iterator[str]:
    if wrong := list(_entries(where, name, value)):
        yield from wrong
        return
    for entry in value:
        if entry["name"] in (SHARED_MEMORY, TOKEN):
            yield f"{where} has a volume {entry['name']}, which is the platform's; rename it"
        for kind in sorted(entry.keys() - {"name", *VOLUMES}):
            near = did_you_mean(kind, VOLUMES)
            yield (
                f"{where}: {entry['name']} is of {kind}{near or ';'} these can be used: "
                f"{', '.join(VOLUMES)}"
            )


_IN_WORDS: Final = {"dict": "a mapping", "list": "a list", "str": "text"}
_FIELD_CHECKS: Final[Mapping[str, Callable[[str, str, Any], Iterator[str]]]] = {
    "annotations": _metadata,
    "env": _env,
    "labels": _metadata,
    "nodeSelector": _node_selector,
    "volumeMounts": _mounts,
    "volumes": _volumes,
}
