"""Pods that a node, or whoever looks after nodes, has taken away."""

from collections.abc import Iterator
from typing import Final

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, diagnosis
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


def failed_by_node(pod: Pod) -> Iterator[Diagnosis]:
    """A node that did not take a pod which the scheduler had given it, and the like."""
    if pod.phase != "Failed" or not pod.reason or pod.is_going or pod.reason in _REASONS:
        return
    yield diagnosis(
        f"pod-failed/{pod.where}/{pod.reason}",
        "starting",
        pod.place,
        f"A pod of the {pod.place} failed on its node {pod.node}: {pod.reason}: {pod.message}",
        "Nothing: another pod takes its place. If it lasts, look at the node: "
        f"kubectl describe node {pod.node}",
        evidence=[f"Pod {pod.name}: {pod.reason}: {pod.message}"],
    )
