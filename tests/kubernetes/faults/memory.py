"""A container that runs out of memory: the kernel kills its largest process.

With cgroup v1 that is one process, and the container lives on if it was not the first one. With v2,
as the kubelet sets it up in production, the kernel kills all of the container.
"""

from typing import Final

from tests.kubernetes.faults.pods import container_id, kill_container
from tests.kubernetes.faults.waiting import FaultError, until
from tests.kubernetes.testbed import cgroups
from tests.kubernetes.testbed.cluster import Cluster, ClusterError

_NOTICE_S: Final = 10.0
# It writes into what it takes, as memory that is only asked for does not count.
_EATER: Final = "eaten = []\nwhile True:\n    eaten.append(b'x' * (16 << 20))"


def run_out_of_memory(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str | None = None,
    *,
    whole: bool,
) -> None:
    """Eat memory inside a container until the kernel kills.

    Args:
        cluster: The testbed's.
        namespace: The pod's.
        pod: Its name.
        container: Which of its containers; may be left out if it has but one.
        whole: All of the container dies and is `OOMKilled`, as in production. Otherwise one
            process, most likely the eater itself, and the pod shows nothing.

    Raises:
        FaultError: the container has no limit of memory, which would be the machine's memory then,
            or the eater ended in another way.
    """
    folder = cgroups.of_container(container_id(cluster, namespace, pod, container))
    if cgroups.memory_limit_bytes(folder) is None:
        raise FaultError(f"{namespace}/{pod} has no limit of memory: give its container one")
    before = cgroups.oom_kills(folder)
    where = [pod, f"--namespace={namespace}", *([f"--container={container}"] if container else [])]
    try:
        cluster.kubectl("exec", *where, "--", "python", "-c", _EATER)
    except ClusterError as error:
        ended = str(error)
    else:
        raise FaultError(f"{namespace}/{pod}: the eater ended by itself")
    try:
        until(
            f"kill by the kernel in {namespace}/{pod} ({ended})",
            lambda: cgroups.oom_kills(folder) - before,
            timeout_s=_NOTICE_S,
        )
    except FileNotFoundError:  # the kernel has killed all of it, and its cgroup is gone
        return
    if whole:
        kill_container(cluster, namespace, pod, container)


def death(
    cluster: Cluster, namespace: str, pod: str, *, of: str | None = None
) -> dict[str, object]:
    """How the first container of a pod ended last; empty if it did not.

    Args:
        cluster: Where.
        namespace: The pod's.
        pod: Its name.
        of: Only the end of the container of this id: one that starts again may have ended before.
    """
    seen = cluster.get(f"pod/{pod}", f"--namespace={namespace}")
    (status, *_) = seen["status"]["containerStatuses"]
    ended = status["state"].get("terminated") or status["lastState"].get("terminated") or {}
    return dict(ended) if of in (None, ended.get("containerID")) else {}
