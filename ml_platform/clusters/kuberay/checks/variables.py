"""What is wrong with the variables of a container, as the API server would find it, or we."""

import re
from collections.abc import Iterator
from typing import Any, Final

from ml_platform.clusters.kuberay.checks.scalars import (
    Check,
    data_key,
    object_name,
    one_of,
    string,
    text,
    truth,
    variable_name,
)
from ml_platform.clusters.kuberay.checks.secrets_in_clear import secret_in_clear
from ml_platform.clusters.kuberay.checks.shapes import also, distinct, exactly_one, list_of, mapping
from ml_platform.clusters.kuberay.checks.words import is_label_key, is_variable
from ml_platform.wrong_values import shown_name

# Written by KubeRay, and by us: another value cuts the pod off, or makes the cluster invalid.
_RESERVED: Final = frozenset(
    {
        *("FQ_RAY_IP", "RAY_IP", "RAY_ADDRESS", "RAY_PORT", "RAY_NODE_TYPE_NAME"),
        *("RAY_CLUSTER_NAME", "RAY_CLUSTER_NAMESPACE", "RAY_CLOUD_INSTANCE_ID"),
        *("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "KUBERAY_GEN_RAY_START_CMD"),
        *("RAY_REDIS_ADDRESS", "REDIS_USERNAME", "REDIS_PASSWORD", "RAY_enable_autoscaler_v2"),
    }
)
_NO_BYTECODE: Final = "PYTHONDONTWRITEBYTECODE"
"""Python asks only whether it is set to something; ray-project/kuberay#5138 has the container."""
_OF_METADATA: Final = ("metadata.name", "metadata.namespace", "metadata.uid")
_OF_POD: Final = (
    *("spec.nodeName", "spec.serviceAccountName"),
    *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
)
_BOUNDS: Final = tuple(
    f"{bound}.{resource}"
    for bound in ("limits", "requests")
    for resource in ("cpu", "memory", "ephemeral-storage")
)
_UNITS: Final = (
    *("0", "1m", "1", "1k", "1M", "1G", "1T", "1P", "1E"),
    *("1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"),
)
_CONTAINERS: Final = ("ray-head", "ray-worker")
_KEYED: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


def variable_mistakes(where: str, name: str, value: str | None) -> Iterator[str]:
    """What is wrong with a variable; its value is None where it comes from elsewhere."""
    if not is_variable(name):
        yield f"{where} sets {shown_name(name)}, which is no name of a variable"
    elif name in _RESERVED:
        yield f"{where} sets {name}, which KubeRay sets; leave it out"
    elif name == _NO_BYTECODE and value != "":
        yield (
            f"{where} sets {name}: each process would compile anew what comes without bytecode, "
            "the training's own modules too, and KubeRay's init container does so at a fifth of a "
            "CPU, which has taken up to 55 s of each worker's start; leave it out"
        )
    elif value is not None and (why := secret_in_clear(name, value)):
        yield (
            f"{where} has {shown_name(name)} in clear text ({why}); put it into a secret of "
            "Kubernetes and name that one (env_from_secrets, or valueFrom.secretKeyRef)"
        )


def field_ref(*paths: str) -> Check:
    """A reference to one of these fields of the pod, or to a label or an annotation."""

    def is_there(path: str) -> bool:
        keyed = _KEYED.fullmatch(path)
        return is_label_key(keyed[2]) if keyed else path in paths

    wanted = f"one of {', '.join(paths)}, metadata.labels['…'] and metadata.annotations['…']"
    fields = {"apiVersion": one_of("v1"), "fieldPath": text(is_there, wanted)}
    return mapping(fields, required=("fieldPath",))


def resource_ref(*required: str) -> Check:
    """A reference to what a container requests, or is limited to."""
    return also(
        mapping(
            {
                "containerName": one_of(*_CONTAINERS),
                "resource": one_of(*_BOUNDS),
                "divisor": _unit,
            },
            required=("resource", *required),
        ),
        _divisor_rule,
    )


def _unit(where: str, value: Any) -> Iterator[str]:
    yield from one_of(*_UNITS)(where, str(value) if isinstance(value, int) else value)


def _divisor_rule(where: str, entry: dict[str, Any]) -> Iterator[str]:
    divisor, of_cpu = str(entry.get("divisor", "0")), entry["resource"].endswith("cpu")
    if divisor not in ("0", "1") and of_cpu != (divisor == "1m"):
        yield f"{where}.divisor is {divisor!r}: 1m is for CPUs, the larger units are not"


def _variable_rules(where: str, entry: dict[str, Any]) -> Iterator[str]:
    if "value" in entry and "valueFrom" in entry:
        yield f"{where} has value and valueFrom, wanted one of them"


def _meanings(where: str, value: list[dict[str, Any]]) -> Iterator[str]:
    for entry in value:
        given = None if "valueFrom" in entry else entry.get("value", "")
        yield from variable_mistakes(where, entry["name"], given)


_KEY: Final = mapping(
    {"name": object_name, "key": data_key, "optional": truth}, required=("name", "key")
)
# `fileKeyRef` takes a feature gate that is off by default (Kubernetes 1.35).
_SOURCES: Final = {
    "secretKeyRef": _KEY,
    "configMapKeyRef": _KEY,
    "fieldRef": field_ref(*_OF_METADATA, *_OF_POD),
    "resourceFieldRef": resource_ref(),
}
_VARIABLE: Final = also(
    mapping(
        {
            "name": string,
            "value": string,
            "valueFrom": also(mapping(_SOURCES), exactly_one(*_SOURCES)),
        },
        required=("name",),
    ),
    _variable_rules,
)
env: Final[Check] = also(list_of(_VARIABLE, by="name"), distinct("name"), _meanings)
"""Checks `env`."""
_REFERENCE: Final = mapping({"name": object_name, "optional": truth}, required=("name",))
env_from: Final[Check] = list_of(
    also(
        mapping({"prefix": variable_name, "secretRef": _REFERENCE, "configMapRef": _REFERENCE}),
        exactly_one("secretRef", "configMapRef"),
    )
)
"""Checks `envFrom`."""
