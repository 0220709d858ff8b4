"""The cluster's garbage collector, which must know KubeRay's kinds before anything is observed.

It looks for new definitions every 30 s only; until then what a deleted RayJob or RayCluster owned
stays, and an operator takes the pods for those of a cluster of the same name.
"""

import time
from collections.abc import Iterable
from typing import Final

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
    owners = (
        (RAY_CLUSTER, manifests.cluster(**NOT_OURS)),
        (RAY_JOB, manifests.job(**NOT_OURS)),
    )
    end = time.monotonic() + TIMEOUT_S
    while left := _left_behind(api, owners):
        assert time.monotonic() < end, (
            f"the garbage collector has not deleted {', '.join(left)}, whose owners are gone, "
            f"within {TIMEOUT_S:.0f} s; see the log of kube-controller-manager"
        )


def _left_behind(api: Api, owners: Iterable[tuple[Resource, Object]]) -> list[str]:
    """What is still there a moment after its owner was deleted."""
    left = [_orphan(api, resource, manifest) for resource, manifest in owners]
    end = time.monotonic() + ANSWERS_S
    while left and time.monotonic() < end:
        time.sleep(0.1)
        left = [name for name in left if api.get(CONFIG_MAP, NAMESPACE, name)]
    return left


def _orphan(api: Api, resource: Resource, manifest: Object) -> str:
    """The name of an object whose owner was made and deleted."""
    meta = {"generateName": "orphan-", "namespace": NAMESPACE}
    owner = api.create(resource, {**manifest, "metadata": meta})["metadata"]
    reference = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["name"],
        "uid": owner["uid"],
    }
    orphan = api.create(CONFIG_MAP, {"metadata": {**meta, "ownerReferences": [reference]}})
    api.delete(resource, NAMESPACE, owner["name"])
    return str(orphan["metadata"]["name"])
