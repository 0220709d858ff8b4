"""What is wrong with the fields that choose a pod's node, as the API server would find it."""

import re
from collections.abc import Iterator
from typing import Any, Final

from ml_platform.clusters.kuberay.shapes import (
    Check,
    also,
    any_mapping,
    label_key,
    list_of,
    mapping,
    one_of,
    string,
    twice,
    whole,
)

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_OF_LABELS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_LARGEST: Final = 2**31 - 1


def _toleration_rules(where: str, entry: dict[str, Any]) -> Iterator[str]:
    operator = entry.get("operator") or "Equal"
    if operator == "Exists" and entry.get("value"):
        yield f"{where}: operator Exists takes no value, found {entry['value']!r}"
    if not entry.get("key") and operator != "Exists":
        yield f"{where}: one without a key takes operator Exists only"
    if "tolerationSeconds" in entry and entry.get("effect") != "NoExecute":
        yield f"{where}: tolerationSeconds is for the effect NoExecute"


def _toleration_key(where: str, value: Any) -> Iterator[str]:
    if value != "":
        yield from label_key(where, value)


tolerations: Final[Check] = list_of(
    also(
        mapping(
            {
                "key": _toleration_key,
                # Lt and Gt take a feature gate that is off by default (Kubernetes 1.35).
                "operator": one_of("Equal", "Exists"),
                "value": string,
                "effect": one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
                "tolerationSeconds": whole(-_LARGEST),
            }
        ),
        _toleration_rules,
    )
)
"""Checks `tolerations`."""


def _expression_rules(where: str, entry: dict[str, Any]) -> Iterator[str]:
    operator, values = entry["operator"], entry.get("values") or []
    match operator:
        case "In" | "NotIn" if not values:
            yield f"{where}: operator {operator} wants values"
        case "Exists" | "DoesNotExist" if values:
            yield f"{where}: operator {operator} takes no values, found {values}"
        case "Gt" | "Lt" if len(values) != 1 or not re.fullmatch(r"-?[0-9]+", values[0]):
            yield f"{where}: operator {operator} wants one whole number, found {values}"


def _expressions(*operators: str) -> Check:
    fields = {"key": label_key, "operator": one_of(*operators), "values": list_of(string)}
    return list_of(also(mapping(fields, required=("key", "operator")), _expression_rules))


def _matches_something(where: str, term: dict[str, Any]) -> Iterator[str]:
    if not term.get("matchExpressions") and not term.get("matchFields"):
        yield f"{where} has no expression, which no node matches"


_NODE_TERM: Final = mapping(
    {
        "matchExpressions": _expressions(*_OF_LABELS, "Gt", "Lt"),
        "matchFields": _expressions("In", "NotIn"),
    }
)
_LABEL_SELECTOR: Final = mapping(
    {"matchLabels": any_mapping, "matchExpressions": _expressions(*_OF_LABELS)}
)
_POD_TERM: Final = mapping(
    {
        "labelSelector": _LABEL_SELECTOR,
        "namespaceSelector": _LABEL_SELECTOR,
        "namespaces": list_of(string),
        "topologyKey": label_key,
        "matchLabelKeys": list_of(label_key),
        "mismatchLabelKeys": list_of(label_key),
    },
    required=("topologyKey",),
)
_NODE_TERMS: Final = list_of(also(_NODE_TERM, _matches_something), least=1)


def _weighted(name: str, term: Check) -> Check:
    return list_of(mapping({"weight": whole(1, 100), name: term}, required=("weight", name)))


_POD_AFFINITY: Final = mapping(
    {_REQUIRED: list_of(_POD_TERM), _PREFERRED: _weighted("podAffinityTerm", _POD_TERM)}
)
affinity: Final[Check] = mapping(
    {
        "nodeAffinity": mapping(
            {
                _REQUIRED: mapping(
                    {"nodeSelectorTerms": _NODE_TERMS}, required=("nodeSelectorTerms",)
                ),
                _PREFERRED: _weighted("preference", _NODE_TERM),
            }
        ),
        "podAffinity": _POD_AFFINITY,
        "podAntiAffinity": _POD_AFFINITY,
    }
)
"""Checks `affinity`."""


def _spread_rules(where: str, entry: dict[str, Any]) -> Iterator[str]:
    if "minDomains" in entry and entry["whenUnsatisfiable"] != "DoNotSchedule":
        yield f"{where}: minDomains is for whenUnsatisfiable: DoNotSchedule"


def _distinct(where: str, entries: list[dict[str, Any]]) -> Iterator[str]:
    pairs = [f"{one['topologyKey']} with {one['whenUnsatisfiable']}" for one in entries]
    for pair in twice(pairs):
        yield f"{where} has {pair} twice"


topology_spread: Final[Check] = also(
    list_of(
        also(
            mapping(
                {
                    "maxSkew": whole(1, _LARGEST),
                    "topologyKey": label_key,
                    "whenUnsatisfiable": one_of("DoNotSchedule", "ScheduleAnyway"),
                    "labelSelector": _LABEL_SELECTOR,
                    "minDomains": whole(1, _LARGEST),
                    "nodeAffinityPolicy": one_of("Honor", "Ignore"),
                    "nodeTaintsPolicy": one_of("Honor", "Ignore"),
                    "matchLabelKeys": list_of(label_key),
                },
                required=("maxSkew", "topologyKey", "whenUnsatisfiable"),
            ),
            _spread_rules,
        )
    ),
    _distinct,
)
"""Checks `topologySpreadConstraints`."""
