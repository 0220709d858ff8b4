"""Containers that died of memory, as far as Kubernetes knows of it.

It knows least where it matters most: Ray's own monitor and, under cgroup v1, the kernel kill one
process and leave the pod as it is. No Event ever speaks of memory. Exit code 137 without the reason
OOMKilled is the end of a grace period, not memory.
"""

from ml_platform.clusters.causes import Cause, Failure
from ml_platform.clusters.kuberay.diagnosis.events import seconds
from ml_platform.clusters.kuberay.diagnosis.pods import Container, Pod, gone_pods, pods_of
from ml_platform.clusters.kuberay.seen import Seen

OOM_KILLED = "OOMKilled"


def out_of_memory(seen: Seen, *, since_s: float = 0.0) -> tuple[Failure, ...]:
    """What died of memory, the latest first: head or worker group, and which container.

    A container that came back is among them, by its last state, and so is a pod on its way out, or
    one that is not there any more.
    Init containers are not: more memory for the group does not help them. Deaths before `since_s`,
    in seconds since 1970, are left out.
    """
    deaths = [
        (seconds((container.ended or {}).get("finishedAt")), memory_failure(pod, container))
        for pod in (*pods_of(seen), *gone_pods(seen))
        for container in pod.containers()
        if died_of_memory(container) and not container.init
    ]
    recent = [death for death in deaths if not death[0] or death[0] >= since_s]
    recent.sort(key=lambda death: death[0], reverse=True)
    return tuple(failure for _, failure in recent)


def died_of_memory(container: Container) -> bool:
    """Whether its latest end was for memory."""
    return (container.ended or {}).get("reason") == OOM_KILLED


def memory_failure(pod: Pod, container: Container) -> Failure:
    """The failure of a container, not of an init container, that died of memory."""
    code = (container.ended or {}).get("exitCode")
    limit = f" of {container.memory_limit}" if container.memory_limit else ""
    place = "head" if pod.is_head else f"worker of group {pod.group}"
    if code == 137:
        what = f"The {place} went over its memory limit{limit} and was killed."
    else:
        # The kernel killed a child under cgroup v1; containerd tells when the container ends.
        what = f"A process on the {place} went over the memory limit{limit} and was killed."
    return Failure(
        cause=Cause.OUT_OF_MEMORY,
        place=pod.place,
        message=what,
        hint=f"Give the {pod.place} more `memory` or have it hold less at once.",
        evidence=(f"Pod {pod.name}, container {container.name}: {OOM_KILLED}, exit code {code}",),
    )
