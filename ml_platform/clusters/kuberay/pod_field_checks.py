"""What is wrong with the fields of a pod that people add."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from ml_platform.clusters.kuberay.autoscaler import TOKEN
from ml_platform.clusters.kuberay.pod_fields import FIELDS, IDENTITY
from ml_platform.clusters.kuberay.pod_template import SHARED_MEMORY
from ml_platform.clusters.kuberay.scheduling_checks import affinity, tolerations, topology_spread
from ml_platform.clusters.kuberay.shapes import (
    Check,
    any_mapping,
    list_of,
    mapping,
    object_name,
    one_of,
    string,
    truth,
    twice,
)
from ml_platform.clusters.kuberay.words import (
    LABEL_RULE,
    did_you_mean,
    is_dns_label,
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
        elif name in _SHAPES:
            yield from _SHAPES[name](f"{where}.{name}", value)
        else:
            yield from _FIELD_CHECKS[name](f"{where}.{name}", name, value)


def mount_mistakes(where: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """Mounts of volumes that there are not; `fields` are those of all places together."""
    volumes = [volume["name"] for volume in fields.get("volumes", [])]
    for mount in fields.get("volumeMounts", []):
        if mount.get("name") not in volumes:
            there = ", ".join(volumes) or "none"
            yield f"{where}: {mount['mountPath']} mounts {mount.get('name')}, volumes are {there}"


def scheduler_mistakes(
    where: str, fields: Mapping[str, Any], known: Sequence[str]
) -> Iterator[str]:
    """A scheduler that nobody is: its pods would wait without a word, not even an Event."""
    name = fields.get("schedulerName")
    if name is not None and name not in known:
        near = did_you_mean(str(name), known)
        yield (
            f"{where}.schedulerName is {name!r}{near or ';'} these are known: {', '.join(known)}; "
            "the configuration's `schedulers` lists more"
        )


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


def _entries(where: str, name: str, value: list[Any]) -> Iterator[str]:
    identity = IDENTITY[name]
    for entry in value:
        if not isinstance(entry, dict):
            yield f"{where} has the entry {entry!r}, wanted a mapping"
        elif not isinstance(entry.get(identity), str):
            yield f"{where} has the entry {entry!r}, wanted one with `{identity}`"


def _twice(where: str, name: str, value: list[Any]) -> Iterator[str]:
    """Of several places the last one counts; of two in one list the API server takes neither."""
    for one in twice([entry[IDENTITY[name]] for entry in value]):
        yield f"{where} has {one} twice"


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
    yield from _twice(where, name, value)
    for entry in value:
        variable = entry["name"]
        yield from variable_mistakes(where, variable, literal="value" in entry)
        yield from _VARIABLE(f"{where}: {variable}", _without(entry, "value"))
        if "value" in entry and not isinstance(entry["value"], str):
            yield f"{where}: {variable} is {entry['value']!r}, wanted text; put it in quotes"
        elif "value" in entry and "valueFrom" in entry:
            yield f"{where}: {variable} has value and valueFrom, wanted one of them"


def _mounts(where: str, name: str, value: list[Any]) -> Iterator[str]:
    if wrong := list(_entries(where, name, value)):
        yield from wrong
        return
    yield from _twice(where, name, value)
    for entry in value:
        path = entry["mountPath"]
        if not path.startswith("/") or ":" in path:
            yield f"{where}: mountPath is {path!r}, wanted a path from the root, without colons"
        yield from _MOUNT(f"{where}: {path}", entry)


def _volumes(where: str, name: str, value: list[Any]) -> Iterator[str]:
    if wrong := list(_entries(where, name, value)):
        yield from wrong
        return
    yield from _twice(where, name, value)
    for entry in value:
        volume, kinds = entry["name"], sorted(entry.keys() - {"name"})
        if not is_dns_label(volume):
            yield f"{where}: {volume!r} is no name of a volume: wanted {LABEL_RULE}"
        elif volume in (SHARED_MEMORY, TOKEN):
            yield f"{where} has a volume {volume}, which is the platform's; rename it"
        unknown = [kind for kind in kinds if kind not in VOLUMES]
        for kind in unknown or ([] if kinds else ["nothing"]):
            near = did_you_mean(kind, VOLUMES)
            yield f"{where}: {volume} is of {kind}{near or ';'} these can be used: " + (
                ", ".join(VOLUMES)
            )
        if len(kinds) > 1 and not unknown:
            yield f"{where}: {volume} is of {' and '.join(kinds)}, wanted one"
        elif not unknown:
            for kind in kinds:
                yield from any_mapping(f"{where}: {volume}.{kind}", entry[kind])


def _value_from(where: str, value: Any) -> Iterator[str]:
    wrong = list(_SOURCE(where, value))
    yield from wrong
    if not wrong and len(value) != 1:
        yield f"{where} wants one of {', '.join(_SOURCES)}, found {', '.join(value) or 'none'}"


def _without(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != name}


_IN_WORDS: Final = {"dict": "a mapping", "list": "a list", "str": "text"}
_SOURCES: Final = ("secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef")
_SOURCE: Final = mapping(dict.fromkeys(_SOURCES, any_mapping))
_VARIABLE: Final = mapping({"name": string, "value": string, "valueFrom": _value_from})
_MOUNT: Final = mapping(
    {
        **dict.fromkeys(("name", "mountPath", "subPath", "subPathExpr"), string),
        "readOnly": truth,
        "recursiveReadOnly": one_of("Disabled", "IfPossible", "Enabled"),
        "mountPropagation": one_of("None", "HostToContainer", "Bidirectional"),
    }
)
_REFERENCE: Final = mapping({"name": object_name, "optional": truth}, required=("name",))
_SHAPES: Final[Mapping[str, Check]] = {
    "affinity": affinity,
    "dnsConfig": mapping(
        {
            "nameservers": list_of(string),
            "searches": list_of(string),
            "options": list_of(mapping({"name": string, "value": string}, required=("name",))),
        }
    ),
    "envFrom": list_of(
        mapping({"prefix": string, "secretRef": _REFERENCE, "configMapRef": _REFERENCE})
    ),
    "hostAliases": list_of(
        mapping({"ip": string, "hostnames": list_of(string)}, required=("ip", "hostnames"))
    ),
    "imagePullSecrets": list_of(mapping({"name": object_name}, required=("name",))),
    "priorityClassName": object_name,
    "runtimeClassName": object_name,
    "schedulerName": object_name,
    "tolerations": tolerations,
    "topologySpreadConstraints": topology_spread,
}
_FIELD_CHECKS: Final[Mapping[str, Callable[[str, str, Any], Iterator[str]]]] = {
    "annotations": _metadata,
    "env": _env,
    "labels": _metadata,
    "nodeSelector": _node_selector,
    "volumeMounts": _mounts,
    "volumes": _volumes,
}
