"""A timeline as a story: per object the sequence of what a client can depend on, times left out.

Objects are called by their part in the situation (`RayCluster/rj1-<r>#2`, `Pod/…#1/w[0]`), so that
two runs can be laid side by side whatever their random names are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.kubernetes.conformance.cast import Cast
from tests.kubernetes.conformance.plain import plain
from tests.kubernetes.conformance.timeline import Entry, Timeline
from tests.support.kuberay.api import Object

OPERATOR: Final = frozenset({"raycluster-controller", "rayjob-controller"})
NOISE: Final = frozenset({"Unhealthy", "FailedToUpdateEndpointSlices"})
"""Warnings of every normal start, and of a service that goes while its endpoints are counted."""
CREATED_ALREADY: Final = frozenset({"FailedToCreateRayCluster", "FailedToCreateService"})
"""A cache that is stale right after a good create has the operator try once more: of a RayCluster
in 2 of 22 recordings, of a service in 1 of 3 runs of 41 situations. Had there been no good create,
its own Event would be missing."""
SAYS: Final = " says when "
"""Between a condition and its value, in the name of the fact that is the message."""
USUAL_WAITS: Final = frozenset({"ContainerCreating", "PodInitializing", "ContainersNotReady"})
RETRIED: Final = frozenset({"FailedToCreateHeadPod", "FailedToCreateWorkerPod", "DeletedPod"})
"""Events of every try: how many there are, and how many of these are folded into one, depends on
how often something else changed meanwhile."""


@dataclass(kw_only=True)
class Story:
    """Everything that is compared but the times.

    Attributes:
        tracks: Per object and aspect, the values in their order, without repetitions.
        facts: Per object, what is true of it once and for all.
    """

    tracks: dict[str, list[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def saw(self, track: str, value: Any) -> None:
        """The next value of a track."""
        values = self.tracks.setdefault(track, [])
        if not values or values[-1] != value:
            values.append(value)


def tell(timeline: Timeline) -> Story:
    """The story of a timeline."""
    story, cast = Story(), Cast()
    pods: dict[str, list[Entry]] = {}
    for entry in timeline.entries:
        role = cast.role(entry)
        if entry.kind == "RayJob":
            _job(story, cast, role, entry)
        elif entry.kind == "RayCluster":
            _cluster(story, role, entry)
        elif entry.kind == "Pod":
            pods.setdefault(role, []).append(entry)
        elif entry.kind in ("Service", "Secret"):
            _belonging(story, cast, role, entry)
        elif entry.kind == "Event":
            _event(story, role, entry)
        elif entry.kind == "action":
            _action(story, entry)
    for role, entries in pods.items():
        _pod(story, cast, role, entries)
    _end(story, timeline.end)
    return story


def job_state(part: Object, cluster: str | None) -> Object:
    """What is compared of a RayJob's status."""
    state: Object = {
        key: part[key]
        for key in ("jobDeploymentStatus", "jobStatus", "reason", "failed", "succeeded", "suspend")
        if key in part
    }
    state |= {
        key: True
        for key in (
            *("jobId", "dashboardURL", "startTime", "endTime"),
            "jobStatusCheckFailureStartTime",
        )
        if key in part
    }
    if "rayJobInfo" in part:
        state["rayJobInfo"] = sorted(part["rayJobInfo"])
    state |= {
        key: part[key] for key in ("deleting", "finalizers", "rayClusterState") if key in part
    }
    if "message" in part:
        state["message"] = plain(part["message"])
    if cluster:
        state["cluster"] = cluster
    return state


def _job(story: Story, cast: Cast, role: str, entry: Entry) -> None:
    cluster = entry.part.get("rayClusterName")
    story.saw(role, job_state(entry.part, cast.cluster(cluster) if cluster else None))
    if entry.change == "DELETED":
        story.saw(role, "gone")


def _cluster(story: Story, role: str, entry: Entry) -> None:
    part = entry.part
    if entry.change == "ADDED":
        keys = ("ownerReferences", "labels", "annotations", "spec_keys")
        story.facts[f"{role} made"] = _plain({key: part[key] for key in keys if key in part})
    conditions = {condition["type"]: condition for condition in part.get("conditions") or []}
    if conditions:
        story.facts[f"{role} order of conditions"] = [
            c for c in conditions if c != "ReplicaFailure"
        ]
    for kind, condition in conditions.items():
        told = {key: plain(value) for key, value in condition.items() if key != "type"}
        if kind == "ReplicaFailure":
            story.saw(f"{role} {kind}", told)
        elif kind == "HeadPodReady":
            heading = f"{told['status']} {told['reason']}"
            story.saw(f"{role} {kind}", heading)
            story.facts[f"{role} {kind}{SAYS}{heading}"] = told.get("message", "")
        else:
            # Suspended and Suspending carry no message of weight, Provisioned does.
            story.saw(f"{role} {kind}", told)
    for key in ("state", "observedGeneration", "suspend", "reason"):
        if key in part:
            story.saw(f"{role} {key}", part[key])
    if conditions:
        for key in ("desired", "min", "max", "available", "ready"):
            count = part.get(f"{key}WorkerReplicas", 0)
            story.saw(f"{role} {key} workers", count)
        if "head" in part:
            story.facts[f"{role} head tells"] = sorted(part["head"])
    if entry.change == "DELETED":
        story.saw(f"{role} life", "gone")
    else:
        story.saw(f"{role} life", "there")


def _belonging(story: Story, cast: Cast, role: str, entry: Entry) -> None:
    """Services and secrets; after the deletion of its owner a late pass may make one again."""
    if entry.change == "ADDED" and f"{role} made" not in story.facts:
        story.facts[f"{role} made"] = _plain(entry.part)
    if entry.kind == "Service" and entry.change in ("ADDED", "MODIFIED"):
        target = (entry.part.get("selector") or {}).get("ray.io/cluster", "")
        story.saw(f"{role} points to", cast.cluster(target))


def _event(story: Story, role: str, entry: Entry) -> None:
    part = entry.part
    reason, source = part["reason"], part.get("reportingComponent") or part.get("source")
    if source not in OPERATOR:
        if part["type"] == "Warning" and reason not in NOISE:
            known = set(story.facts.get(f"{role} warnings of others", []))
            story.facts[f"{role} warnings of others"] = sorted({*known, reason})
        return
    if reason in CREATED_ALREADY and "already exists" in part["message"]:
        return
    if reason == "CreatedService" and f"{role} event {reason}" in story.facts:
        # A late pass may make the head service once more while its cluster is being deleted.
        return
    count = (part.get("series") or {}).get("count", 1)
    told = {key: part.get(key) for key in ("type", "action", "api", "reportingComponent")}
    told["note"] = plain(part["message"]).split("&ContainerStateTerminated")[0]
    key = f"{role} event {reason}"
    if reason in RETRIED:
        story.facts[key] = told
    elif entry.change == "ADDED":
        story.facts.setdefault(key, []).append({**told, "count": count})
    else:
        story.facts[key][-1]["count"] = count


def _pod(story: Story, cast: Cast, role: str, entries: list[Entry]) -> None:
    made = entries[0].part
    keys = ("ownerReferences", "labels", "restartPolicy", "initContainers", "containerNames")
    facts = {key: made[key] for key in keys if key in made}
    # Their values are opaque: a hash, a version.
    facts["annotations"] = sorted(made.get("annotations") or {})
    story.facts[f"{role} made"] = _plain(facts)
    story.facts[f"{role} called"] = plain(entries[0].name)
    deaths, waits = _deaths(entries), _waits(entries)
    if deaths:
        story.facts[f"{role} deaths"] = deaths
    if waits:
        story.facts[f"{role} waits for"] = waits
    last = entries[-1]
    gone = last.change == "DELETED"
    story.facts[f"{role} ends"] = {"phase": last.part.get("phase"), "gone": gone}


def _deaths(entries: Iterable[Entry]) -> dict[str, str]:
    """How each run of each container ended; a watch may miss the state, not the last state."""
    deaths: dict[str, str] = {}
    for entry in entries:
        for container in entry.part.get("containers") or []:
            restarts = container.get("restartCount", 0)
            for states, run in (("state", restarts), ("lastState", restarts - 1)):
                ended = (container.get(states) or {}).get("terminated")
                if ended and ended.get("reason") != "Completed" and run >= 0:
                    told = f"{ended.get('reason')} {ended.get('exitCode', 0)}"
                    deaths[f"{container['name']} run {run}"] = told
    return deaths


def _waits(entries: Iterable[Entry]) -> list[str]:
    """Why containers waited or the pod found no node, besides the usual."""
    reasons = set()
    for entry in entries:
        for container in entry.part.get("containers") or []:
            reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
            reasons.add(f"{container['name']}: {reason}" if reason not in USUAL_WAITS else None)
        for condition in entry.part.get("conditions") or []:
            if condition["type"] == "PodScheduled":
                reasons.add(f"node: {condition.get('reason')}")
    return sorted(r for r in reasons if r and not r.endswith(": None"))


def _action(story: Story, entry: Entry) -> None:
    """What the API server answered, where it refused."""
    if entry.part.get("http", 200) >= 400 and entry.name.startswith("create"):
        told = plain(str(entry.part.get("message", "")))
        name = plain(entry.name).partition(" (attempt")[0]
        story.facts[f"refused: {name}"] = f"{entry.part['http']} {told[:160]}"


def _end(story: Story, end: Object) -> None:
    before = end.get("before_delete") or {}
    story.facts["objects before the clean-up"] = sorted(
        plain(name) for name in before if name != "pods"
    )
    story.facts["pods before the clean-up"] = sorted(plain(pod) for pod in before.get("pods", []))
    story.facts["left behind"] = end.get("left_after_delete") or {}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
