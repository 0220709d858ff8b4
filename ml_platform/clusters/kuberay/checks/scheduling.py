"""What is wrong with the fields that choose a pod's node, as the API server would find it."""

import re
from collections.abc import Iterator
from typing import Any, Final

from ml_platform.clusters.kuberay.checks.scalars import (
    LARGEST,
    Check,
    dns_label,
    label_key,
    label_value,
    object_name,
    one_of,
    text,
    whole,
)
from ml_platform.clusters.kuberay.checks.shapes import also, list_of, map_of, mapping, twice
from ml_platform.clusters.kuberay.checks.words import is_label_key
from ml_platform.wrong_values import shown_name

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_OF_LABELS: Final = ("In", "NotIn", "Exists", "DoesNotExist")


def _toleration_rules(where: str, entry: dict[str, Any]) -> Iterator[str]:
    operator = entry.get("operator") or "Equal"
    if operator == "Exists" and entry.get("value"):
        yield f"{where}: operator Exists takes no value"
    if not entry.get("key") and operator != "Exists":
        yield f"{where}: one without a key takes operator Exists only"
    if "tolerationSeconds" in entry and entry.get("effect") != "NoExecute":
        yield f"{where}: tolerationSeconds is for the effect NoExecute"


tolerations: Final[Check] = list_of(
    also(
        mapping(
            {
                "key": text(lambda key: not key or is_label_key(key), "`name` or `domain/name`"),
                # Lt and Gt take a feature gate that is off by default (Kubernetes 1.35).
                "operator": one_of("Equal", "Exists"),
                "value": label_value,
                "effect": one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
                "tolerationSeconds": whole(-LARGEST),
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
            yield f"{where}: operator {operator} takes no values"
        case "Gt" | "Lt" if len(values) != 1 or not re.fullmatch(r"[0-9]+", values[0]):
            yield f"{where}: operator {operator} wants one whole number in values"


def _expressions(*operators: str) -> Check:
    fields = {"key": label_key, "operator": one_of(*operators), "values": list_of(label_value)}
    return list_of(also(mapping(fields, required=("key", "operator")), _expression_rules))


def _one_node(where: str, entry: dict[str, Any]) -> Iterator[str]:
    if len(entry["values"]) != 1:
        yield f"{where} names {len(entry['values'])} nodes, wanted one; write a term for each"


def _matches_something(where: str, term: dict[str, Any]) -> Iterator[str]:
    if not term.get("matchExpressions") and not term.get("matchFields"):
        yield f"{where} has no expression, which no node matches"


_NODE_TERM: Final = mapping(
    {
        "matchExpressions": _expressions(*_OF_LABELS, "Gt", "Lt"),
        "matchFields": list_of(
            also(
                mapping(
                    {
                        "key": one_of("metadata.name"),
                        "operator": one_of("In", "NotIn"),
                        "values": list_of(object_name),
                    },
                    required=("key", "operator", "values"),
                ),
                _one_node,
            )
        ),
    }
)
label_selector: Final[Check] = mapping(
    {
        "matchLabels": map_of(label_key, label_value),
        "matchExpressions": _expressions(*_OF_LABELS),
    }
)
"""Checks a selector of pods, or of other objects, by their labels."""


def _label_keys(where: str, term: dict[str, Any]) -> Iterator[str]:
    """Keys that are added to the selector, with the values that the pod itself has."""
    alike, other = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    selector = term.get("labelSelector")
    if (alike or other) and selector is None:
        yield f"{where}: matchLabelKeys and mismatchLabelKeys are for one with a labelSelector"
        return
    expressions = (selector or {}).get("matchExpressions") or []
    chosen = {*((selector or {}).get("matchLabels") or {}), *(one["key"] for one in expressions)}
    for key in alike:
        if key in chosen or key in other:
            beside = "labelSelector" if key in chosen else "mismatchLabelKeys"
            yield f"{where} has {shown_name(key)} in matchLabelKeys and in {beside}, wanted in one"


def _pod_term(*required: str) -> Check:
    return also(
        mapping(
            {
                "labelSelector": label_selector,
                "namespaceSelector": label_selector,
                "namespaces": list_of(dns_label),
                "topologyKey": label_key,
                "matchLabelKeys": list_of(label_key),
                "mismatchLabelKeys": list_of(label_key),
            },
            required=("topologyKey", *required),
        ),
        _label_keys,
    )


_NODE_TERMS: Final = list_of(also(_NODE_TERM, _matches_something), least=1)


def _weighted(field: str, term: Check) -> Check:
    return list_of(mapping({"weight": whole(1, 100), field: term}, required=("weight", field)))


def _pod_affinity(required_term: Check) -> Check:
    return mapping(
        {
            REQUIRED: list_of(required_term),
            PREFERRED: _weighted("podAffinityTerm", _pod_term()),
        }
    )


affinity: Final[Check] = mapping(
    {
        "nodeAffinity": mapping(
            {
                REQUIRED: mapping(
                    {"nodeSelectorTerms": _NODE_TERMS}, required=("nodeSelectorTerms",)
                ),
                PREFERRED: _weighted("preference", _NODE_TERM),
            }
        ),
        # Without a selector it wants to be near pods of which there are none, for ever.
        "podAffinity": _pod_affinity(_pod_term("labelSelector")),
        "podAntiAffinity": _pod_affinity(_pod_term()),
    }
)
"""Checks `affinity`."""


def _spread_rules(where: str, entry: dict[str, Any]) -> Iterator[str]:
    if "minDomains" in entry and entry["whenUnsatisfiable"] != "DoNotSchedule":
        yield f"{where}: minDomains is for whenUnsatisfiable: DoNotSchedule"


def _distinct(where: str, entries: list[dict[str, Any]]) -> Iterator[str]:
    pairs = [f"{shown_name(one['topologyKey'])} with {one['whenUnsatisfiable']}" for one in entries]
    for pair in twice(pairs):
        yield f"{where} has {pair} twice"


topology_spread: Final[Check] = also(
    list_of(
        also(
            mapping(
                {
                    "maxSkew": whole(1, LARGEST),
                    "topologyKey": label_key,
                    "whenUnsatisfiable": one_of("DoNotSchedule", "ScheduleAnyway"),
                    "labelSelector": label_selector,
                    "minDomains": whole(1, LARGEST),
                    "nodeAffinityPolicy": one_of("Honor", "Ignore"),
                    "nodeTaintsPolicy": one_of("Honor", "Ignore"),
                    "matchLabelKeys": list_of(label_key),
                },
                required=("maxSkew", "topologyKey", "whenUnsatisfiable"),
            ),
            _spread_rules,
            _label_keys,
        )
    ),
    _distinct,
)
"""Checks `topologySpreadConstraints`."""
