"""What is wrong with the claim that an ephemeral volume makes, as the API server would find it."""

from collections.abc import Iterator
from typing import Any, Final

from ml_platform.clusters.kuberay.checks.scalars import (
    Check,
    amount,
    dns_label,
    label_key,
    label_value,
    object_name,
    one_of,
    string,
    text,
)
from ml_platform.clusters.kuberay.checks.scheduling import label_selector
from ml_platform.clusters.kuberay.checks.secrets_in_clear import entries_in_clear
from ml_platform.clusters.kuberay.checks.shapes import also, list_of, map_of, mapping
from ml_platform.clusters.kuberay.checks.words import is_subdomain
from ml_platform.clusters.kuberay.quantities import quantity

_group_or_none: Final = text(
    lambda name: not name or is_subdomain(name), "the group of an API, or nothing"
)


def _needs_a_group(where: str, value: dict[str, Any]) -> Iterator[str]:
    if not value.get("apiGroup") and value["kind"] != "PersistentVolumeClaim":
        yield f"{where} is of another kind than PersistentVolumeClaim, which has an apiGroup"


_OBJECT: Final = also(
    mapping(
        {
            "apiGroup": _group_or_none,
            "kind": string,
            "name": object_name,
            "namespace": dns_label,
        },
        required=("kind", "name"),
    ),
    _needs_a_group,
)


def _access_rule(where: str, value: list[str]) -> Iterator[str]:
    if "ReadWriteOncePod" in value and len(set(value)) > 1:
        yield f"{where}: ReadWriteOncePod goes with no other"


def _some_storage(where: str, value: Any) -> Iterator[str]:
    wrong = list(amount(where, value))
    yield from wrong
    if not wrong and not quantity(value):
        yield f"{where} is {value}, wanted some"


def _one_origin(where: str, value: dict[str, Any]) -> Iterator[str]:
    if "dataSource" in value and "dataSourceRef" in value:
        yield f"{where} has dataSource and dataSourceRef, wanted one of them"


def _no_secrets(where: str, value: dict[str, str]) -> Iterator[str]:
    instead = "everybody who may see the claim reads it: leave it out"
    yield from entries_in_clear(where, value, instead=instead)


_CLAIM: Final = also(
    mapping(
        {
            "accessModes": also(
                list_of(
                    one_of("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"),
                    least=1,
                ),
                _access_rule,
            ),
            "resources": mapping(
                {
                    "requests": mapping({"storage": _some_storage}, required=("storage",)),
                    "limits": mapping({"storage": amount}),
                },
                required=("requests",),
            ),
            "storageClassName": text(
                lambda name: not name or is_subdomain(name), "the name of a storage class"
            ),
            # Its files are mounted; a block device would not be.
            "volumeMode": one_of("Filesystem"),
            "volumeName": object_name,
            "selector": label_selector,
            "dataSource": _OBJECT,
            "dataSourceRef": _OBJECT,
            "volumeAttributesClassName": object_name,
        },
        required=("accessModes", "resources"),
    ),
    _one_origin,
)
claim_template: Final[Check] = mapping(
    {
        "metadata": mapping(
            {
                "labels": also(map_of(label_key, label_value), _no_secrets),
                "annotations": also(map_of(label_key, string), _no_secrets),
            }
        ),
        "spec": _CLAIM,
    },
    required=("spec",),
)
"""Checks `volumeClaimTemplate`."""
