"""On which nodes a pod is put: by the labels and tolerations of the kinds that fit it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ml_platform.clusters.catalogue import SPOT_LABELS, Catalogue, NodeKind
from ml_platform.clusters.kuberay.checks.scheduling import PREFERRED, REQUIRED
from ml_platform.clusters.kuberay.gangs.fitting import Need, fitting

Fields = dict[str, Any]
T = TypeVar("T")


def placement(need: Need, catalogue: Catalogue) -> Fields:
    """`nodeSelector` or `affinity`, and `tolerations`.

    Where the catalogue says nothing, any node will do, but for the head: none that a cloud marks as
    spot.
    """
    kinds = fitting(need, catalogue)
    fields: Fields = {}
    terms = _distinct(_term(kind, catalogue, spot=need.spot) for kind in kinds)
    # A term without expressions would match no node, where here every node is meant.
    if terms and all(terms):
        if len(terms) == 1 and all(each["operator"] == "In" for each in terms[0]):
            fields["nodeSelector"] = {each["key"]: each["values"][0] for each in terms[0]}
        else:
            fields["affinity"] = {"nodeAffinity": {REQUIRED: _either(terms)}}
    elif need.is_head:
        fields["affinity"] = {"nodeAffinity": {REQUIRED: _either([_without(SPOT_LABELS.items())])}}
    spot_terms = _distinct(_labels(kind) for kind in kinds if kind.spot and kind.labels)
    if spot_terms and not all(kind.spot for kind in kinds):
        affinity = fields.setdefault("affinity", {}).setdefault("nodeAffinity", {})
        affinity[PREFERRED] = [
            {"weight": 100, "preference": {"matchExpressions": term}} for term in spot_terms
        ]
    if tolerations := _distinct(dict(each) for kind in kinds for each in kind.tolerations):
        fields["tolerations"] = tolerations
    return fields


def both(ours: Fields, theirs: Fields) -> Fields:
    """An affinity that wants what both want.

    Terms of `nodeSelectorTerms` are alternatives, so each of ours is joined with each of theirs.
    """
    nodes = ours.get("nodeAffinity") or {}
    their_nodes = theirs.get("nodeAffinity") or {}
    joined = {**nodes, **their_nodes}
    if REQUIRED in nodes and REQUIRED in their_nodes:
        joined[REQUIRED] = {
            "nodeSelectorTerms": [
                {
                    **their_term,
                    "matchExpressions": [
                        *term["matchExpressions"],
                        *their_term.get("matchExpressions", []),
                    ],
                }
                for term in nodes[REQUIRED]["nodeSelectorTerms"]
                for their_term in their_nodes[REQUIRED].get("nodeSelectorTerms", [])
            ]
        }
    if PREFERRED in nodes and PREFERRED in their_nodes:
        joined[PREFERRED] = [*nodes[PREFERRED], *their_nodes[PREFERRED]]
    return {**ours, **theirs, **({"nodeAffinity": joined} if joined else {})}


def _term(kind: NodeKind, catalogue: Catalogue, *, spot: bool) -> list[Fields]:
    """Expressions that nodes of this kind match.

    Clouds mark a spot node by a label more, which other nodes lack: where labels alone would let a
    spot node in, each label more is ruled out.
    """
    lookalikes = [
        other
        for other in catalogue.nodes
        if other.spot and not spot and not _differ(kind.labels, other.labels)
    ]
    more = [
        (key, other.labels[key])
        for other in lookalikes
        for key in sorted(other.labels.keys() - kind.labels.keys())
    ]
    return [*_labels(kind), *_without(more)]


def _without(labels: Iterable[tuple[str, str]]) -> list[Fields]:
    """Expressions that nodes match which have none of these labels, whether they have the keys."""
    values: dict[str, list[str]] = {}
    for key, value in labels:
        values.setdefault(key, []).append(value)
    return [
        {"key": key, "operator": "NotIn", "values": _distinct(its)} for key, its in values.items()
    ]


def _differ(these: Mapping[str, str], those: Mapping[str, str]) -> bool:
    return any(these[key] != those[key] for key in these.keys() & those.keys())


def _labels(kind: NodeKind) -> list[Fields]:
    return [
        {"key": key, "operator": "In", "values": [value]}
        for key, value in sorted(kind.labels.items())
    ]


def _either(terms: Sequence[list[Fields]]) -> Fields:
    return {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}


def _distinct(items: Iterable[T]) -> list[T]:
    kept: list[T] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept
