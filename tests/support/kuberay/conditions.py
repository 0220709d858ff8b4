"""Conditions of a RayCluster's status, set and removed as Kubernetes' own helpers do."""

from tests.support.kuberay.api import Object

Conditions = list[Object]


def with_condition(
    conditions: Conditions, kind: str, status: bool, reason: str, message: str, now: str
) -> Conditions:
    """The conditions with this one set; its time moves only when its status does."""
    value = "True" if status else "False"
    before = find(conditions, kind)
    moved = before is None or before["status"] != value
    after = {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastTransitionTime": now if before is None or moved else before["lastTransitionTime"],
    }
    if before is None:
        return [*conditions, after]
    return [after if condition["type"] == kind else condition for condition in conditions]


def without(conditions: Conditions, kind: str) -> Conditions:
    """The conditions but this one."""
    return [condition for condition in conditions if condition["type"] != kind]


def find(conditions: Conditions, kind: str) -> Object | None:
    """The condition of this type."""
    return next((c for c in conditions if c["type"] == kind), None)


def is_true(conditions: Conditions, kind: str) -> bool:
    """Whether the condition is there and True."""
    condition = find(conditions, kind)
    return condition is not None and condition["status"] == "True"
