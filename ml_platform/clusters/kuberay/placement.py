"""On which nodes a pod is put: by the labels and tolerations of the kinds that fit it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.fitting import Need, fitting

Fields = dict[str, Any]
T = TypeVar("T")
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def placement(need: Need, catalogue: Catalogue) -> Fields:
    """`nodeSelector` or `affinity`, and `tolerations`; empty where the catalogue says nothing."""
    kinds = fitting(need, catalogue)
    fields: Fields = {}
    terms = _distinct(_term(kind, catalogue, spot=need.spot) for kind in kinds)
    # A term without expressions would match no node, where here every node is meant.
    if terms and all(terms):
        if len(terms) == 1 and all(each["operator"] == "In" for each in terms[0]):
            fields["nodeSelector"] = {each["key"]: each["values"][0] for each in terms[0]}
        else:
            fields["affinity"] = {"nodeAffinity": {_REQUIRED: _either(terms)}}
    spot_terms = _distinct(_labels(kind) for kind in kinds if kind.spot and kind.labels)
    if spot_terms and not all(kind.spot for kind in kinds):
        affinity = fields.setdefault("affinity", {}).setdefault("nodeAffinity", {})
        affinity[_PREFERRED] = [
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
    if _REQUIRED in nodes and _REQUIRED in their_nodes:
        joined[_REQUIRED] = {
            "nodeSelectorTerms": [
                {
                    **their_term,
                    "matchExpressions": [
                        *term["matchExpressions"],
                        *their_term.get("matchExpressions", []),
                    ],
                }
                for term in nodes[_REQUIRED]["nodeSelectorTerms"]
                for their_term in their_nodes[_REQUIRED].get("nodeSelectorTerms", [])
            ]
        }
    if _PREFERRED in nodes and _PREFERRED in their_nodes:
        joined[_PREFERRED] = [*nodes[_PREFERRED], *their_nodes[_PREFERRED]]
    return {**ours, **theirs, **({"nodeAffinity": joined} if joined else {})}


def _term(kind: NodeKind, catalogue: Catalogue, *, spot: bool) -> list[Fields]:
    """Expressions that nodes of this kind match.

    Clouds mark a spot node by a label more, which other nodes lack: where labels alone would let a
    spot node in, each label more is ruled out.
    """
    lookalikes = [
        other
        for other in catalogue.nodes
        if other.spot and not spot and kind.labels.items() <= other.labels.items()
    ]
    more = {
        key: other.labels[key]
        for other in lookalikes
        for key in sorted(other.labels.keys() - kind.labels.keys())
    }
    ruled_out = [
        {"key": key, "operator": "NotIn", "values": [value]} for key, value in more.items()
    ]
    return [*_labels(kind), *ruled_out]


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
