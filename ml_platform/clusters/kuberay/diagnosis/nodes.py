"""Pods that a node, or whoever looks after nodes, has taken away, or never took."""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Final

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.kuberay.diagnosis.containers import FAILURES
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, State, diagnosis
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen
from ml_platform.clusters.kuberay.diagnosis.pods import Pod

_ANOTHER: Final = "Nothing: another pod takes its place."
_NO_OTHER: Final = (
    "Nothing: the cluster goes with its head, and a training goes on from its last checkpoint."
)
_DISRUPTIONS: Final = {
    "PreemptionByScheduler": ("preempted", "was preempted by a pod of a higher priority"),
    "DeletionByTaintManager": ("node-lost", "was deleted, because its node got a taint"),
    "EvictionByEvictionAPI": ("evicted", "was evicted through the API, as a drain does"),
    "DeletionByPodGC": ("node-lost", "was cleaned away, because its node is gone"),
    "TerminationByKubelet": ("evicted", "was ended by its node"),
}
_RACES: Final = "OutOf"
"""Begins the reasons of a node that had no room left: the scheduler gives away that of a pod which
goes, while the node still holds it (kubernetes#106884). That ends with the pod."""
_REASONS: Final = {
    "Preempting": ("preempted", "had to make room for a critical pod"),
    "Preempted": ("preempted", "was preempted by a pod of a higher priority"),
    "Evicted": ("evicted", "was evicted by its node"),
    "NodeLost": ("node-lost", "is on a node that is gone"),
    "NodeNotReady": ("node-lost", "is on a node that is not ready"),
    "TaintManagerEviction": ("node-lost", "was deleted, because its node got a taint"),
    "NodeShutdown": ("node-lost", "was on a node that shuts down"),
    "Shutdown": ("node-lost", "was on a node that shuts down"),
    "Terminated": ("node-lost", "was on a node that shuts down"),
}


def taken_away(pod: Pod, said: tuple[EventSeen, ...]) -> Iterator[Diagnosis]:
    """What took the pod from its node; none for one that is ready or was deleted by a client."""
    found = disruption(pod, said)
    if found is None or pod.is_ready:
        return
    kind, why, evidence = found
    node = f" ({pod.node})" if pod.node else ""
    yield diagnosis(
        f"{kind}/{pod.where}",
        "starting",
        Place(kind="node", name=pod.node),
        f"A pod of the {pod.place} {why}{node}: {evidence}",
        _hint(pod, kind, evidence),
        evidence=[f"Pod {pod.name}: {evidence}"],
        cause=Cause.NODE_LOST,
    )


def disruption(pod: Pod, said: tuple[EventSeen, ...]) -> tuple[str, str, str] | None:
    """Kind, why, and what was said, if something took the pod from its node."""
    if pod.reason in _REASONS:
        return (*_REASONS[pod.reason], f"{pod.reason}: {pod.message}")
    target = pod.condition("DisruptionTarget")
    if target.get("status") == "True":
        known = _DISRUPTIONS.get(target.get("reason", ""), ("evicted", "was evicted"))
        return (*known, f"{target.get('reason')}: {target.get('message', '')}")
    for event in reversed(said):
        # A cancelled eviction has the same reason.
        if event.reason in _REASONS and "Cancelling" not in event.message:
            return (*_REASONS[event.reason], f"{event.reason}: {event.message}")
    return None


def _hint(pod: Pod, kind: str, evidence: str) -> str:
    if "ephemeral" in evidence:
        return "Ask for more `disk` in the group, or write less to the local disk."
    if kind == "evicted" and "memory" in evidence:
        return "Its node ran out of memory: see what else runs there; requests below limits do so."
    nothing = _NO_OTHER if pod.is_head else _ANOTHER
    if kind == "preempted":
        return f"{nothing} A higher `priority` keeps it."
    if pod.is_head:
        return nothing  # heads are kept off spot nodes
    return f"{nothing} If it happens often, keep the group off spot nodes (`spot: false`)."


def failed_before(pod: Pod, gone: Iterable[Pod]) -> tuple[Pod, ...]:
    """Pods of its group that failed on its node before it, one after another.

    Those that stood beside each other are one of these: a node that fails eight pods at once has
    failed once. Pods that were taken away did not fail.
    """
    of_node = [one for one in _failed(pod.group, gone) if one.node == pod.node]
    chain: list[Pod] = []
    free_s = -inf
    for one in sorted(of_node, key=_ended_s):
        if one.created_s > free_s:
            chain.append(one)
            free_s = _ended_s(one)
    return tuple(chain)


def failed_by_node(pod: Pod, gone: Sequence[Pod], *, recreations: int) -> Iterator[Diagnosis]:
    """A node that did not take a pod which the scheduler had given it, and the like.

    Args:
        pod: Which pod.
        gone: Pods that are not there any more.
        recreations: How often each of its group's pods was made anew, on average.
    """
    if not _has_failed(pod) or not pod.reason or pod.is_going:
        return
    before = failed_before(pod, gone)
    said = f"{pod.reason}: {pod.message}"
    state: State = "broken"
    place = pod.place
    look = "kubectl describe node"
    if pod.reason.startswith(_RACES) or max(len(before), recreations) + 1 < FAILURES:
        state = "starting"
        message = f"A pod of the {place} failed on its node {pod.node}: {said}"
        hint = f"{_ANOTHER} If it lasts, look at the node: {look} {pod.node}"
    elif len(before) + 1 >= FAILURES:
        times = len(before) + 1
        message = f"Node {pod.node} has failed {times} pods of the {place} in a row: {said}"
        hint = f"Take it out (kubectl cordon {pod.node}) and start again; {look} {pod.node}"
        place = Place(kind="node", name=pod.node)
    else:
        nodes = sorted({one.node for one in (*_failed(pod.group, gone), pod)})
        message = f"Pods of the {place} were made anew {recreations} times, and fail: {said}"
        hint = f"Look at the nodes that had them: {look} {' '.join(nodes)}"
    yield diagnosis(
        f"pod-failed/{pod.where}/{pod.reason}",
        state,
        place,
        message,
        hint,
        evidence=[
            f"Pod {one.name} on node {one.node}: {one.reason}: {one.message}"
            for one in (*before, pod)
        ],
    )


def _failed(group: str, pods: Iterable[Pod]) -> list[Pod]:
    return [one for one in pods if one.group == group and _has_failed(one)]


def _has_failed(pod: Pod) -> bool:
    return pod.phase == "Failed" and pod.reason not in _REASONS


def _ended_s(pod: Pod) -> float:
    """When it was deleted; a pod that has failed has no grace."""
    return max(pod.created_s, pod.goes_at_s)
