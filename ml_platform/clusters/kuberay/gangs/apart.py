"""Which pods of a cluster may not share a node, by the anti-affinity that they themselves require.

Only what surely holds counts: a selector of namespaces by label, for one, may or may not let ours
in. A domain that is larger than a node is not looked at, as nobody says how many there are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.checks.scheduling import REQUIRED
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.gangs.selection import HOSTNAME, WITHOUT, holds
from ml_platform.clusters.spec import HeadGroup, WorkerGroup

Labels = Mapping[str, str]
_GENERATED: Final = "\0"
"""The value of a label that is not known here, and the same for all pods of a cluster."""


def pod_labels(
    group: HeadGroup | WorkerGroup, fields: Mapping[str, Any], config: KubeRayConfig
) -> dict[str, str]:
    """The labels that pods of a group have: those of their `pod` fields, ours and KubeRay's."""
    worker = group.name if isinstance(group, WorkerGroup) else ""
    return {
        **(fields.get("labels") or {}),
        labels.MANAGED_BY: labels.US,
        labels.ENVIRONMENT: labels.label_value(config.environment),
        labels.CLUSTER: _GENERATED,
        labels.RAY_CLUSTER: _GENERATED,
        labels.NODE_TYPE: "worker" if worker else "head",
        labels.GROUP: worker or "headgroup",
        "ray.io/is-ray-node": "yes",
        "app.kubernetes.io/name": "kuberay",
        "app.kubernetes.io/created-by": "kuberay-operator",
    }


def keeps_away(fields: Mapping[str, Any], own: Labels, others: Labels, *, namespace: str) -> bool:
    """Whether a pod with these fields surely keeps another off its node.

    Args:
        fields: Its `pod` fields.
        own: Its labels.
        others: Those of the other, which may be one like itself.
        namespace: Of both.
    """
    repelled = (fields.get("affinity") or {}).get("podAntiAffinity") or {}
    return any(
        term["topologyKey"] == HOSTNAME
        and _is_within(term, namespace)
        and _selects(term, own, others)
        for term in repelled.get(REQUIRED) or []
    )


def _is_within(term: Mapping[str, Any], namespace: str) -> bool:
    names, selector = term.get("namespaces") or [], term.get("namespaceSelector")
    # A selector that is empty means every namespace, none at all no more than the names.
    return namespace in names or selector == {} or (not names and selector is None)


def _selects(term: Mapping[str, Any], own: Labels, others: Labels) -> bool:
    selector = term.get("labelSelector")
    if selector is None:
        return False
    wanted = [
        *(_expression(key, "In", [value]) for key, value in _items(selector, "matchLabels")),
        *(selector.get("matchExpressions") or []),
        # A key that the pod itself has not is left out.
        *(_expression(key, "In", [own[key]]) for key in _keys(term, "matchLabelKeys", own)),
        *(_expression(key, "NotIn", [own[key]]) for key in _keys(term, "mismatchLabelKeys", own)),
    ]
    return all(_holds(one, others) for one in wanted)


def _items(selector: Mapping[str, Any], field: str) -> Sequence[tuple[str, str]]:
    return tuple((selector.get(field) or {}).items())


def _keys(term: Mapping[str, Any], field: str, own: Labels) -> list[str]:
    return [key for key in term.get(field) or [] if key in own]


def _expression(key: str, operator: str, values: list[str]) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": values}


def _holds(expression: Mapping[str, Any], others: Labels) -> bool:
    key, values = expression["key"], expression.get("values") or []
    operator, found = expression["operator"], others.get(key)
    if found is None:
        return operator in WITHOUT
    if found == _GENERATED and operator == "NotIn":
        return False  # it may be one of them
    return holds(operator, found, values)
