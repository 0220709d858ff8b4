"""A namespace whose quota is used up."""

import contextlib
import json
from collections.abc import Iterator
from typing import Final

from tests.kubernetes import pods
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.testbed.cluster import Cluster, ClusterError

_NAME: Final = "full"
_NOTICE_S: Final = 20.0


@contextlib.contextmanager
def filled(cluster: Cluster, namespace: str, *, free_pods: int = 0) -> Iterator[str]:
    """No more pods may be made in a namespace; yields the quota's name.

    Args:
        cluster: Where.
        namespace: Whose quota.
        free_pods: So many may still be made.
    """
    where = f"--namespace={namespace}"
    there = cluster.get("pods", where)["items"]
    hard = {"pods": str(len(there) + free_pods)}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": _NAME, "namespace": namespace},
        "spec": {"hard": hard},
    }
    pods.create(cluster, quota)
    try:
        # Admission refuses every pod until the quota has been counted for the first time.
        path = "--output=jsonpath={.status.used.pods}"
        counted = ("get", f"resourcequota/{_NAME}", where, path)
        until("counted quota", lambda: cluster.kubectl(*counted), timeout_s=_NOTICE_S)
        yield _NAME
    finally:
        cluster.kubectl("delete", f"resourcequota/{_NAME}", where, "--wait")
        until("end of the quota", lambda: _takes(cluster, namespace), timeout_s=_NOTICE_S)


def _takes(cluster: Cluster, namespace: str) -> bool:
    """Whether a pod would be taken: admission learns of the quota's end a moment later."""
    tried = json.dumps(pods.pod(cluster, namespace, "tried", ["true"]))
    try:
        cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=tried)
    except ClusterError as error:
        if "exceeded quota" in str(error):
            return False
        raise
    return True
