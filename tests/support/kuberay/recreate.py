"""The opaque hash of a spec that KubeRay leaves on pods for its Recreate upgrades."""

import base64
import copy
import hashlib
import json

from tests.support.kuberay.api import Object

NOT_HASHED = ("replicas", "minReplicas", "maxReplicas", "scaleStrategy")


def recreate_hash(spec: Object) -> str:
    """Equal for specs that differ in counts only; the value itself means nothing."""
    hashed = copy.deepcopy(spec)
    hashed.pop("upgradeStrategy", None)
    for group in hashed.get("workerGroupSpecs") or []:
        for key in NOT_HASHED:
            group.pop(key, None)
    digest = hashlib.sha1(json.dumps(hashed, sort_keys=True).encode()).digest()
    return base64.b32hexencode(digest).decode()
