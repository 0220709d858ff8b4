"""What is wrong with volumes and their mounts, as the API server or the kubelet would find it."""

import posixpath
from collections.abc import Iterator
from typing import Any, Final

from ml_platform.clusters.kuberay.autoscaler import TOKEN
from ml_platform.clusters.kuberay.checks.claims import claim_template
from ml_platform.clusters.kuberay.checks.scalars import (
    Check,
    amount,
    data_key,
    dns_label,
    file_mode,
    file_path,
    object_name,
    one_of,
    relative_path,
    string,
    text,
    truth,
    whole,
)
from ml_platform.clusters.kuberay.checks.secrets_in_clear import entries_in_clear
from ml_platform.clusters.kuberay.checks.shapes import (
    also,
    distinct,
    exactly_one,
    list_of,
    map_of,
    mapping,
    twice,
)
from ml_platform.clusters.kuberay.checks.variables import field_ref, resource_ref
from ml_platform.clusters.kuberay.checks.words import is_subdomain
from ml_platform.clusters.kuberay.pod_template import SHARED_MEMORY
from ml_platform.wrong_values import shown_name, shown_names

_OURS: Final = (SHARED_MEMORY, TOKEN, "ray-logs")
"""The last is KubeRay's, beside the autoscaler."""
_METADATA: Final = (
    *("metadata.name", "metadata.namespace", "metadata.uid"),
    *("metadata.labels", "metadata.annotations"),
)
_SHORTEST_TOKEN_S: Final = 600

_ITEMS: Final = list_of(
    mapping({"key": data_key, "path": file_path, "mode": file_mode}, required=("key", "path")),
)
_FROM_OBJECT: Final = mapping(
    {"name": object_name, "items": _ITEMS, "optional": truth}, required=("name",)
)
_DOWNWARD: Final = list_of(
    also(
        mapping(
            {
                "path": file_path,
                "mode": file_mode,
                "fieldRef": field_ref(*_METADATA),
                "resourceFieldRef": resource_ref("containerName"),
            },
            required=("path",),
        ),
        exactly_one("fieldRef", "resourceFieldRef"),
    )
)
# `clusterTrustBundle` and `podCertificate` take feature gates that are off by default (1.35).
_PROJECTED: Final = {
    "secret": _FROM_OBJECT,
    "configMap": _FROM_OBJECT,
    "downwardAPI": mapping({"items": _DOWNWARD}),
    "serviceAccountToken": mapping(
        {
            "path": file_path,
            "audience": string,
            "expirationSeconds": whole(_SHORTEST_TOKEN_S, 2**32),
        },
        required=("path",),
    ),
}


def _paths_differ(where: str, value: list[dict[str, Any]]) -> Iterator[str]:
    """Of all sources of a projected volume, as they are put into one folder."""
    items = [one for source in value for kind in source.values() for one in _files(kind)]
    for path in twice([one["path"] for one in items]):
        yield f"{where} has {shown_name(path)} twice"


def _files(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [source] if "path" in source else source.get("items") or []


def _no_secrets(where: str, value: dict[str, str]) -> Iterator[str]:
    instead = "put it into a secret of Kubernetes and name that one (nodePublishSecretRef)"
    yield from entries_in_clear(where, value, instead=instead)


KINDS: Final = {
    "configMap": mapping(
        {"name": object_name, "items": _ITEMS, "defaultMode": file_mode, "optional": truth},
        required=("name",),
    ),
    "csi": mapping(
        {
            "driver": text(
                lambda given: len(given) <= 63 and is_subdomain(given.lower()),
                "the name of a driver",
            ),
            "readOnly": truth,
            "fsType": string,
            "volumeAttributes": also(map_of(string, string), _no_secrets),
            "nodePublishSecretRef": mapping({"name": object_name}, required=("name",)),
        },
        required=("driver",),
    ),
    "downwardAPI": mapping({"items": _DOWNWARD, "defaultMode": file_mode}),
    "emptyDir": mapping(
        # Huge pages would have to be asked for as a resource, which no pod of ours does.
        {"medium": one_of("", "Memory"), "sizeLimit": amount}
    ),
    "ephemeral": mapping(
        {"volumeClaimTemplate": claim_template}, required=("volumeClaimTemplate",)
    ),
    "persistentVolumeClaim": mapping(
        {"claimName": object_name, "readOnly": truth}, required=("claimName",)
    ),
    "projected": mapping(
        {
            "sources": also(
                list_of(also(mapping(_PROJECTED), exactly_one(*_PROJECTED)), least=1),
                _paths_differ,
            ),
            "defaultMode": file_mode,
        },
        required=("sources",),
    ),
    "secret": mapping(
        {"secretName": object_name, "items": _ITEMS, "defaultMode": file_mode, "optional": truth},
        required=("secretName",),
    ),
}
"""Those that a hardened namespace lets in; `hostPath` reaches into the node."""


def _volume_name(where: str, value: Any) -> Iterator[str]:
    yield from dns_label(where, value)
    if value in _OURS:
        yield f"{where} is {value}, a volume of the platform's or of KubeRay's; rename it"


volumes: Final[Check] = also(
    list_of(
        also(
            mapping({"name": _volume_name, **KINDS}, required=("name",)),
            exactly_one(*KINDS),
        ),
        by="name",
    ),
    distinct("name"),
)
"""Checks `volumes`."""


_path_from_the_root: Final = text(
    lambda path: path.startswith("/") and ":" not in path, "a path from the root, without colons"
)


def _mount_path(where: str, value: Any) -> Iterator[str]:
    wrong = list(_path_from_the_root(where, value))
    yield from wrong
    if not wrong and value != posixpath.normpath(value):
        # KubeRay and we look by it whether a place is taken, such as /dev/shm.
        yield f"{where} has `.`, `..`, `//` or a `/` at its end; write it without"


def _mount_rules(where: str, entry: dict[str, Any]) -> Iterator[str]:
    if entry.get("subPath") and entry.get("subPathExpr"):
        yield f"{where} has subPath and subPathExpr, wanted one of them"
    if entry.get("recursiveReadOnly", "Disabled") != "Disabled":
        if not entry.get("readOnly"):
            yield f"{where}: recursiveReadOnly is for mounts with readOnly: true"
        if entry.get("mountPropagation", "None") != "None":
            yield f"{where}: recursiveReadOnly goes with no mountPropagation"


mounts: Final[Check] = also(
    list_of(
        also(
            mapping(
                {
                    "name": dns_label,
                    "mountPath": _mount_path,
                    "subPath": relative_path,
                    "subPathExpr": relative_path,
                    "readOnly": truth,
                    "recursiveReadOnly": one_of("Disabled", "IfPossible", "Enabled"),
                    # Bidirectional is for privileged containers.
                    "mountPropagation": one_of("None", "HostToContainer"),
                },
                required=("name", "mountPath"),
            ),
            _mount_rules,
        ),
        by="mountPath",
    ),
    distinct("mountPath"),
)
"""Checks `volumeMounts`."""


def mount_mistakes(where: str, fields: dict[str, Any]) -> Iterator[str]:
    """Mounts of volumes that there are not; `fields` are those of all places together."""
    there = [volume["name"] for volume in fields.get("volumes", [])]
    for mount in fields.get("volumeMounts", []):
        if mount["name"] not in there:
            path, volume = shown_name(mount["mountPath"]), shown_name(mount["name"])
            yield f"{where}: {path} mounts {volume}, volumes are {shown_names(there) or 'none'}"
