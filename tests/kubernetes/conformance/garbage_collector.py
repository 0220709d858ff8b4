"""The cluster's garbage collector, which must know KubeRay's kinds before anything is played.

It looks for new definitions every 30 s only; until then what a deleted RayJob or RayCluster owned
stays, and an operator takes the pods for those of a cluster of the same name.
"""

import time
from typing import Any, Final

from tests.kubernetes.conformance.manifests import CONFIG_MAP, Manifests
from tests.support.kuberay.api import RAY_CLUSTER, RAY_JOB, Api, Object, Resource

NAMESPACE: Final = "default"
NOT_OURS: Final[Object] = {"managedBy": "kueue.x-k8s.io/multikueue"}
"""No operator touches what somebody else is said to manage."""
ANSWERS_S: Final = 2.0
TIMEOUT_S: Final = 120.0


def wait_for_the_collector(api: Api, manifests: Manifests) -> None:
    """Until what a RayCluster and what a RayJob owns is collected promptly.

    Each try has objects of its own: the collector comes back to what it could not judge later and
    later.

    Raises:
        AssertionError: it does not collect.
    """
    end = time.monotonic() + TIMEOUT_S
    for number in range(1000):
        name = f"collected-{number}"
        owners: tuple[tuple[Resource, Object], ...] = (
            (RAY_CLUSTER, manifests.cluster(name, **NOT_OURS)),
            (RAY_JOB, manifests.job(name, **NOT_OURS)),
        )
        left = [_orphan(api, resource, manifest) for resource, manifest in owners]
        answers = time.monotonic() + ANSWERS_S
        while left and time.monotonic() < answers:
            left = [name for name in left if api.get(CONFIG_MAP, NAMESPACE, name)]
            time.sleep(0.1)
        if not left:
            return
        assert time.monotonic() < end, (
            f"the garbage collector has not deleted {', '.join(left)}, whose owners are gone, "
            f"within {TIMEOUT_S:.0f} s; see the log of kube-controller-manager"
        )


def _orphan(api: Api, resource: Resource, manifest: Object) -> str:
    """The name of an object whose owner is made and deleted."""
    manifest["metadata"]["namespace"] = NAMESPACE
    owner = api.create(resource, manifest)["metadata"]
    name = f"{owner['name']}-{resource.plural}"
    reference: dict[str, Any] = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["name"],
        "uid": owner["uid"],
    }
    meta = {"name": name, "namespace": NAMESPACE, "ownerReferences": [reference]}
    api.create(CONFIG_MAP, {"metadata": meta})
    api.delete(resource, NAMESPACE, owner["name"])
    return name
