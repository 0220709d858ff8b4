"""When all works again after a fault of the node's programs: the node is Ready and takes pods."""

from typing import Any, Final

from tests.kubernetes import pods
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node

# Without one of these no pod runs. What the others do is all in their own probe.
_NEEDED: Final = frozenset(
    {
        "containerd",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
    }
)
# What Kubernetes itself puts on a node that is silent, and takes off some time after it is back.
_TAINTS: Final = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
# Clients of an API server that was away for long ask again only every 30 to 60 s.
_RETURN_S: Final = 150


def until_node_is_back(node: Node, *, after: str) -> None:
    """Wait until a pod runs to its end in a new namespace, and none is kept away for a silence.

    While another fault goes on without whose end that cannot be, it is left to that end.

    Args:
        node: The node.
        after: Which of its components had a fault.

    Raises:
        ClusterError, FaultError: it is not back.
    """
    needed = [node.component(name) for name in _NEEDED]
    can_be = all(component.is_running and not component.is_frozen for component in needed)
    if after not in _NEEDED or not can_be:
        return
    node.component("kube-apiserver").wait_until_serving()
    cluster = node.cluster
    with cluster.namespace("back", within_s=_RETURN_S) as namespace:
        tried = pods.pod(cluster, namespace, "tried", ["true"])
        # It is kept away by nothing that a test has put on the node meanwhile.
        tried["spec"]["tolerations"] = [{"operator": "Exists"}]
        pods.create(cluster, tried)
        phase = (
            "get",
            "pod/tried",
            f"--namespace={namespace}",
            "--output=jsonpath={.status.phase}",
        )
        until(
            "end of a pod that was made after the fault",
            lambda: cluster.kubectl(*phase) == "Succeeded",
            timeout_s=_RETURN_S,
        )
    until("node that is Ready", lambda: _is_welcome(cluster), timeout_s=_RETURN_S)


def readiness(cluster: Cluster) -> str:
    """What the node's condition `Ready` says: `True`, `False`, or `Unknown` if it is silent."""
    return _readiness(cluster.get(f"node/{layout.NODE}"))


def _is_welcome(cluster: Cluster) -> bool:
    node = cluster.get(f"node/{layout.NODE}")
    taints = {taint["key"] for taint in node["spec"].get("taints", ())}
    return _readiness(node) == "True" and not taints & _TAINTS


def _readiness(node: dict[str, Any]) -> str:
    (found,) = [c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"]
    return str(found)
