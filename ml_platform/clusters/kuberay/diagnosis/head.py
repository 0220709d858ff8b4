"""The head's life: its name, whether it ended and why, and whether the cluster can be used."""

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.kuberay.diagnosis.events import merged_events
from ml_platform.clusters.kuberay.diagnosis.memory import died_of_memory, memory_failure
from ml_platform.clusters.kuberay.diagnosis.nodes import disruption
from ml_platform.clusters.kuberay.diagnosis.pods import (
    Pod,
    gone_pods,
    pods_of,
    said_of_pods,
    started_s,
)
from ml_platform.clusters.kuberay.diagnosis.withdrawn import GOES_ON, withdrawn
from ml_platform.clusters.kuberay.seen import Seen, is_going

OLDER_BY_S = 30.0
"""A worker that started so long before its head belongs to the one before. Less may be clocks of
two nodes that differ; in a normal start a worker starts after its head."""


def incarnation(seen: Seen) -> str:
    """Names this life of the head; empty when none runs.

    Another pod is another life, and so is a restart in place, which keeps the pod and its uid.
    """
    head = _running_head(seen)
    container = head.ray_container() if head else None
    if head is None or container is None:
        return ""
    began = (container.running or {}).get("startedAt") or ""
    return f"{head.uid}/{began}/{container.restarts}"


def readiness(seen: Seen, workers: int) -> bool:
    """Whether the cluster can be used: its head is ready, and so are at least so many workers.

    Read from the pods: RayCluster's state stays `ready` whatever dies, and its count of ready
    workers lags behind. Only that it was ready once is believed.
    """
    if seen.ray_cluster is None or is_going(seen.ray_cluster):
        return False
    status = seen.ray_cluster.get("status") or {}
    if status.get("state") != "ready":
        return False
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
    if conditions.get("HeadPodReady") != "True":
        return False
    heads = [pod for pod in pods_of(seen) if pod.is_head and pod.is_ready]
    if len(heads) != 1:
        return False
    since_s = _since_s(heads[0])
    return workers <= sum(
        not pod.is_head and pod.is_ready and not _is_older(pod, since_s) for pod in pods_of(seen)
    )


def head_lost(before: Seen, now: Seen) -> Failure | None:
    """Why the life of the head that was seen before has ended; None while it lasts.

    Out of memory is a cause of its own, with the head as its place, and so is a cluster that was
    taken away as a whole. A head that does not answer but runs is not lost.
    """
    life = incarnation(before)
    if not life or incarnation(now) == life:
        return None
    was = _running_head(before)
    assert was is not None
    there = next((pod for pod in pods_of(now) if pod.uid == was.uid), None)
    same = there or next((pod for pod in gone_pods(now) if pod.uid == was.uid), None)
    container = same.ray_container() if same else None
    if same and container and died_of_memory(container):
        return memory_failure(same, container)
    events = merged_events((*before.events, *now.events))
    said = said_of_pods([was], events)[was.name]
    ended = (container.ended if container else None) or {}
    taken = disruption(same or was, said)
    if taken is None and (whole := withdrawn(before, now)):
        return whole
    if taken:
        why = f"Its pod {taken[1]}: {taken[2]}"
    elif there is None or there.is_going:
        why = "Its pod was deleted"
    else:
        why = f"Its container ended with exit code {ended.get('exitCode', 'unknown')}"
    warnings = [str(event) for event in said if event.warning]
    code = f"exit code {ended['exitCode']} {ended.get('reason', '')}" if ended else ""
    return Failure(
        cause=Cause.HEAD_LOST,
        place=Place(kind="head"),
        message=f"The head {was.name} is lost, and with it the job that it ran. {why}.",
        hint=f"Nothing: {GOES_ON}",
        evidence=tuple(filter(None, (f"Pod {was.name}: {code}" if code else "", *warnings))),
    )


def _running_head(seen: Seen) -> Pod | None:
    heads = [pod for pod in pods_of(seen) if pod.is_head and _is_running(pod)]
    # While an old one goes, the new one counts as soon as it runs.
    heads.sort(key=lambda pod: (not pod.is_going, _since_s(pod)))
    return heads[-1] if heads else None


def _is_running(pod: Pod) -> bool:
    container = pod.ray_container()
    return container is not None and container.running is not None


def _since_s(pod: Pod) -> float:
    container = pod.ray_container()
    return started_s(container) if container else 0.0


def _is_older(pod: Pod, head_since_s: float) -> bool:
    since_s = _since_s(pod)
    return bool(since_s and head_since_s) and since_s + OLDER_BY_S < head_since_s
