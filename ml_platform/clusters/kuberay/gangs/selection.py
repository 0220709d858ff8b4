"""Whether a pod's own `nodeSelector` and node affinity let it onto a kind of node. Pure.

A kind of the catalogue has the labels that it lists, and those that every node has, of which the
values are not known. A label of another key is one that it has not: its pods would wait in vain.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_platform.clusters.catalogue import ON_SPOT_ONLY, SPOT_LABELS
from ml_platform.clusters.kuberay.checks.scheduling import REQUIRED
from ml_platform.clusters.kuberay.checks.words import did_you_mean
from ml_platform.wrong_values import shown_name, shown_names

Term = Mapping[str, Any]
"""One of the alternatives of a node affinity: all that is in it has to be so."""
HOSTNAME: Final = "kubernetes.io/hostname"
WITHOUT: Final = frozenset({"NotIn", "DoesNotExist"})
"""Operators that hold where there is no such label."""
_NODE_NAME: Final = "metadata.name"
_EVERY_NODE: Final = frozenset(
    {
        *(HOSTNAME, "kubernetes.io/arch", "kubernetes.io/os"),
        *("topology.kubernetes.io/zone", "topology.kubernetes.io/region"),
        "node.kubernetes.io/instance-type",
    }
)


def terms_of(fields: Mapping[str, Any]) -> tuple[Term, ...]:
    """The alternatives that a pod's own affinity requires of its node; none if any will do."""
    nodes = (fields.get("affinity") or {}).get("nodeAffinity") or {}
    return tuple((nodes.get(REQUIRED) or {}).get("nodeSelectorTerms") or ())


def contradictions(
    selector: Mapping[str, str], terms: Sequence[Term], labels: Mapping[str, str]
) -> list[str]:
    """What a node with these labels has not, or has otherwise; empty if the pod may go there."""
    wanted = [{"key": key, "operator": "In", "values": [value]} for key, value in selector.items()]
    found = [f"nodeSelector wants {said}" for one in wanted if (said := _against(one, labels))]
    against = [_first_against(term, labels) for term in terms]
    if against and all(against):
        found.append(f"affinity wants {against[0]}")
    return found


def hosts(selector: Mapping[str, str], terms: Sequence[Term]) -> frozenset[str]:
    """The names of the only nodes that a pod's own fields let it onto; empty for any."""
    named = [_names(term) for term in terms]
    found = frozenset[str]().union(*named) if named and all(named) else frozenset[str]()
    if HOSTNAME in selector:
        return frozenset({selector[HOSTNAME]})
    return found


def _names(term: Term) -> frozenset[str]:
    """Names of which a node has to have one by each expression; empty if none says so."""
    found: list[frozenset[str]] = [
        frozenset(one["values"])
        for one in (*(term.get("matchExpressions") or []), *(term.get("matchFields") or []))
        if one["key"] in (HOSTNAME, _NODE_NAME) and one["operator"] == "In"
    ]
    # A node's name is most often its label too, but need not be: the fewest are taken.
    return min(found, key=len, default=frozenset())


def of_spot_nodes(selector: Mapping[str, str], terms: Sequence[Term]) -> str:
    """What a pod's own fields want that only spot nodes of a cloud have; empty if nothing."""
    for key, value in selector.items():
        if SPOT_LABELS.get(key) == value:
            return f"{key}={value}"
    marks = [_spot_mark(term) for term in terms]
    return marks[0] if marks and all(marks) else ""


def _spot_mark(term: Term) -> str:
    for one in term.get("matchExpressions") or []:
        key, values = one["key"], one.get("values") or []
        mark, is_spots = SPOT_LABELS.get(key), key in ON_SPOT_ONLY
        if one["operator"] == "In" and mark in values and (is_spots or {*values} == {mark}):
            return f"{key}={mark}"
        if one["operator"] == "Exists" and is_spots:
            return f"{key} Exists"
    return ""


def _first_against(term: Term, labels: Mapping[str, str]) -> str:
    expressions = term.get("matchExpressions") or []
    return next(filter(None, (_against(one, labels) for one in expressions)), "")


def _against(expression: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """What the expression wants and what there is; empty if a node of these labels may match."""
    key, operator = expression["key"], expression["operator"]
    values: list[str] = expression.get("values") or []
    if key not in labels:
        if key in _EVERY_NODE or operator in WITHOUT:
            return ""
        near = did_you_mean(key, labels)
        return f"{_in_words(key, operator, values)}, it has no label {shown_name(key)}{near}"
    value = labels[key]
    if holds(operator, value, values):
        return ""
    return f"{_in_words(key, operator, values)}, it has {shown_name(key)}={shown_name(value)}"


def holds(operator: str, value: str, values: Sequence[str]) -> bool:
    """Whether a label of this value is as an expression of affinity or of a selector wants it."""
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Gt" | "Lt":
            bound = int(values[0])
            return value.isdecimal() and (
                int(value) > bound if operator == "Gt" else int(value) < bound
            )
    return operator == "Exists"


def _in_words(key: str, operator: str, values: Sequence[str]) -> str:
    if operator == "In" and len(values) == 1:
        return f"{shown_name(key)}={shown_name(values[0])}"
    return f"{shown_name(key)} {operator} {shown_names(values)}".rstrip()
