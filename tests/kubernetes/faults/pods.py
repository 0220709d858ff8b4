"""Pods that end: a container killed from outside, a pod deleted or evicted."""

import json
import signal
from typing import Any, Final

from ml_platform.processes import is_alive, send
from tests.kubernetes.faults.waiting import FaultError, until
from tests.kubernetes.testbed import cgroups
from tests.kubernetes.testbed.cluster import Cluster

_DEATH_S: Final = 30.0


def kill_container(
    cluster: Cluster, namespace: str, pod: str, container: str | None = None
) -> None:
    """Send SIGKILL to all processes of a container, as a kernel does that ran out of memory.

    Args:
        cluster: The testbed's.
        namespace: The pod's.
        pod: Its name.
        container: Which of its containers; may be left out if it has but one.
    """
    folder = cgroups.of_container(container_id(cluster, namespace, pod, container))
    victims = cgroups.members(folder)
    for identity in victims:
        send(identity, signal.SIGKILL)
    until(
        "end of the container's processes",
        lambda: not any(map(is_alive, victims)),
        timeout_s=_DEATH_S,
    )


def delete_pod(cluster: Cluster, namespace: str, pod: str, *, at_once: bool = False) -> None:
    """Delete a pod, as somebody with kubectl does, without waiting for its end.

    Args:
        cluster: Where.
        namespace: The pod's.
        pod: Its name.
        at_once: Without its grace period.
    """
    force = ("--grace-period=0", "--force") if at_once else ()
    cluster.kubectl("delete", f"pod/{pod}", f"--namespace={namespace}", "--wait=false", *force)


def evict_pod(cluster: Cluster, namespace: str, pod: str) -> None:
    """Evict a pod, as the drain of a node does; disruption budgets are heeded.

    Args:
        cluster: Where.
        namespace: The pod's.
        pod: Its name.
    """
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    path = f"--raw=/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    cluster.kubectl("create", path, "--filename=-", stdin=json.dumps(eviction))


def container_id(cluster: Cluster, namespace: str, pod: str, container: str | None = None) -> str:
    """The id of a pod's container that runs, as its status says.

    Raises:
        FaultError: there is no such container, or it does not run.
    """
    seen = cluster.get(f"pod/{pod}", f"--namespace={namespace}")
    statuses: list[dict[str, Any]] = seen["status"].get("containerStatuses", [])
    found = [s for s in statuses if container in (None, s["name"])]
    if len(found) != 1 or "running" not in found[0]["state"]:
        raise FaultError(
            f"{namespace}/{pod}: wanted one running container {container or ''}, found "
            f"{ {s['name']: s['state'] for s in statuses} }"
        )
    return str(found[0]["containerID"])
