"""The node turns pods away, is emptied, or is silent. There is only one, so this stops it all."""

import contextlib
from collections.abc import Iterator
from typing import Final

from tests.kubernetes.faults.components import frozen
from tests.kubernetes.faults.recovery import readiness
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node

_NODE: Final = f"node/{layout.NODE}"
_UNREACHABLE: Final = '"effect":"NoSchedule","key":"node.kubernetes.io/unreachable"'
_DRAIN_S: Final = 60
# A silent node is NotReady after 20 s here.
_SILENCE_S: Final = 45.0


@contextlib.contextmanager
def tainted(cluster: Cluster, *, effect: str = "NoSchedule") -> Iterator[str]:
    """The node has a taint that nobody tolerates; yields its key.

    Args:
        cluster: The testbed's.
        effect: `NoSchedule`, or `NoExecute`, which also evicts every pod.
    """
    key = "testbed.invalid/fault"
    cluster.kubectl("taint", *_NODE.split("/"), f"{key}=:{effect}", "--overwrite")
    try:
        yield key
    finally:
        cluster.kubectl("taint", *_NODE.split("/"), f"{key}:{effect}-")


@contextlib.contextmanager
def drained(cluster: Cluster, *, selector: str = "") -> Iterator[None]:
    """The node takes no pods, and has evicted those it had.

    Args:
        cluster: The testbed's.
        selector: Only pods with these labels are evicted, such as those of one Ray cluster;
            otherwise all, the operator's too.
    """
    chosen = [f"--pod-selector={selector}"] if selector else []
    try:
        cluster.kubectl(
            "drain",
            layout.NODE,
            "--force",
            "--delete-emptydir-data",
            "--ignore-daemonsets",
            f"--timeout={_DRAIN_S}s",
            *chosen,
        )
        yield
    finally:
        cluster.kubectl("uncordon", layout.NODE)


@contextlib.contextmanager
def not_ready(node: Node) -> Iterator[None]:
    """The node is silent and therefore NotReady; its pods run on unseen."""
    cluster = node.cluster
    with frozen(node, "kubelet"):
        until("NotReady", lambda: readiness(cluster) == "Unknown", timeout_s=_SILENCE_S)
        # Until then the scheduler still gives it pods.
        until("taint", lambda: _UNREACHABLE in _taints(cluster), timeout_s=_SILENCE_S)
        yield


def _taints(cluster: Cluster) -> str:
    return cluster.kubectl("get", _NODE, "--output=jsonpath={.spec.taints}")
