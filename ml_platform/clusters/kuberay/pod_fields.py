"""Fields of a pod that people may add: which there are, and how those of several places are merged.

Everything else is ours to write, because KubeRay, Ray or the pod's hardening lean on it.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

FIELDS: Final[Mapping[str, type]] = {
    "affinity": dict,
    "annotations": dict,
    "dnsConfig": dict,
    "env": list,
    "envFrom": list,
    "hostAliases": list,
    "imagePullSecrets": list,
    "labels": dict,
    "nodeSelector": dict,
    "priorityClassName": str,
    "runtimeClassName": str,
    "schedulerName": str,
    "tolerations": list,
    "topologySpreadConstraints": list,
    "volumeMounts": list,
    "volumes": list,
}
"""By name, with their type. `env`, `envFrom` and `volumeMounts` are of the container with Ray,
`labels` and `annotations` of the pod's metadata, the others of its spec."""
OF_METADATA: Final = ("annotations", "labels")
OF_CONTAINER: Final = ("env", "envFrom", "volumeMounts")
IDENTITY: Final = {
    "env": "name",
    "hostAliases": "ip",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""What tells the entries of a list apart; of others only equal entries are one."""


def merged(*places: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of all places; where two say something of the same, the later one wins.

    Lists are joined and mappings united.
    """
    fields: dict[str, Any] = {}
    for place in places:
        for name, value in copy.deepcopy(dict(place)).items():
            match fields.get(name), value:
                case list() as before, list():
                    fields[name] = _joined(before, value, IDENTITY.get(name, ""))
                case dict() as before, dict():
                    fields[name] = before | value
                case _:
                    fields[name] = value
    return fields


def _joined(before: list[Any], after: list[Any], identity: str) -> list[Any]:
    def replaced(one: Any) -> bool:
        if not identity:
            return one in after
        return any(one[identity] == other[identity] for other in after)

    return [*(one for one in before if not replaced(one)), *after]
