"""A timeline reduced to behaviour: per object what a client can depend on in its order, no times.

Objects have names that are the same in every run (`RayCluster/rj1-<r>#2`, `Pod/…#1/w[0]`), so that
two runs can be laid side by side whatever their random names are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.kubernetes.conformance.stable_names import StableNames
from tests.kubernetes.conformance.texts import normalise_text
from tests.kubernetes.conformance.timeline import Entry, Timeline
from tests.support.kuberay.api import Object

OPERATOR: Final = frozenset({"raycluster-controller", "rayjob-controller"})
NOISE: Final = frozenset({"Unhealthy", "FailedToUpdateEndpointSlices"})
"""Warnings of every normal start, and of a service that goes while its endpoints are counted."""
CREATED_ALREADY: Final = frozenset({"FailedToCreateRayCluster", "FailedToCreateService"})
"""A cache that is stale right after a good create has the operator try once more: of a RayCluster
in 2 of 22 recordings, of a service in 1 of 3 runs of 41 scenarios. Had there been no good create,
its own Event would be missing."""
SAYS: Final = " says when "
"""Between a condition and its value, in the name of the fact that is the message."""
USUAL_WAITS: Final = frozenset({"ContainerCreating", "PodInitializing", "ContainersNotReady"})
RETRIED: Final = frozenset({"FailedToCreateHeadPod", "FailedToCreateWorkerPod", "DeletedPod"})
"""Events of every try: how many there are, and how many of these are folded into one, depends on
how often something else changed meanwhile."""


@dataclass(kw_only=True)
class Behaviour:
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


def normalise(timeline: Timeline) -> Behaviour:
    """The behaviour of a timeline."""
    behaviour, names = Behaviour(), StableNames()
    pods: dict[str, list[Entry]] = {}
    for entry in timeline.entries:
        subject = names.of(entry)
        if entry.kind == "RayJob":
            _job(behaviour, names, subject, entry)
        elif entry.kind == "RayCluster":
            _cluster(behaviour, subject, entry)
        elif entry.kind == "Pod":
            pods.setdefault(subject, []).append(entry)
        elif entry.kind in ("Service", "Secret"):
            _belonging(behaviour, names, subject, entry)
        elif entry.kind == "Event":
            _event(behaviour, subject, entry)
        elif entry.kind == "action":
            _action(behaviour, entry)
    for subject, entries in pods.items():
        _pod(behaviour, names, subject, entries)
    _end(behaviour, timeline.end)
    return behaviour


def job_state(fields: Object, cluster: str | None) -> Object:
    """What is compared of a RayJob's status."""
    state: Object = {
        key: fields[key]
        for key in ("jobDeploymentStatus", "jobStatus", "reason", "failed", "succeeded", "suspend")
        if key in fields
    }
    state |= {
        key: True
        for key in (
            *("jobId", "dashboardURL", "startTime", "endTime"),
            "jobStatusCheckFailureStartTime",
        )
        if key in fields
    }
    if "rayJobInfo" in fields:
        state["rayJobInfo"] = sorted(fields["rayJobInfo"])
    state |= {
        key: fields[key] for key in ("deleting", "finalizers", "rayClusterState") if key in fields
    }
    if "message" in fields:
        state["message"] = normalise_text(fields["message"])
    if cluster:
        state["cluster"] = cluster
    return state


def _job(behaviour: Behaviour, names: StableNames, subject: str, entry: Entry) -> None:
    cluster = entry.fields.get("rayClusterName")
    behaviour.saw(subject, job_state(entry.fields, names.cluster(cluster) if cluster else None))
    if entry.change == "DELETED":
        behaviour.saw(subject, "gone")


def _cluster(behaviour: Behaviour, subject: str, entry: Entry) -> None:
    fields = entry.fields
    if entry.change == "ADDED":
        keys = ("ownerReferences", "labels", "annotations", "spec_keys")
        behaviour.facts[f"{subject} made"] = _normalised(
            {key: fields[key] for key in keys if key in fields}
        )
    conditions = {condition["type"]: condition for condition in fields.get("conditions") or []}
    if conditions:
        behaviour.facts[f"{subject} order of conditions"] = [
            c for c in conditions if c != "ReplicaFailure"
        ]
    for kind, condition in conditions.items():
        told = {key: normalise_text(value) for key, value in condition.items() if key != "type"}
        if kind == "ReplicaFailure":
            behaviour.saw(f"{subject} {kind}", told)
        elif kind == "HeadPodReady":
            heading = f"{told['status']} {told['reason']}"
            behaviour.saw(f"{subject} {kind}", heading)
            behaviour.facts[f"{subject} {kind}{SAYS}{heading}"] = told.get("message", "")
        else:
            # Suspended and Suspending carry no message of weight, Provisioned does.
            behaviour.saw(f"{subject} {kind}", told)
    for key in ("state", "observedGeneration", "suspend", "reason"):
        if key in fields:
            behaviour.saw(f"{subject} {key}", fields[key])
    if conditions:
        for key in ("desired", "min", "max", "available", "ready"):
            count = fields.get(f"{key}WorkerReplicas", 0)
            behaviour.saw(f"{subject} {key} workers", count)
        if "head" in fields:
            behaviour.facts[f"{subject} head tells"] = sorted(fields["head"])
    if entry.change == "DELETED":
        behaviour.saw(f"{subject} life", "gone")
    else:
        behaviour.saw(f"{subject} life", "there")


def _belonging(behaviour: Behaviour, names: StableNames, subject: str, entry: Entry) -> None:
    """Services and secrets; after the deletion of its owner a late pass may make one again."""
    if entry.change == "ADDED" and f"{subject} made" not in behaviour.facts:
        behaviour.facts[f"{subject} made"] = _normalised(entry.fields)
    if entry.kind == "Service" and entry.change in ("ADDED", "MODIFIED"):
        target = (entry.fields.get("selector") or {}).get("ray.io/cluster", "")
        behaviour.saw(f"{subject} points to", names.cluster(target))


def _event(behaviour: Behaviour, subject: str, entry: Entry) -> None:
    fields = entry.fields
    reason, source = fields["reason"], fields.get("reportingComponent") or fields.get("source")
    if source not in OPERATOR:
        if fields["type"] == "Warning" and reason not in NOISE:
            known = set(behaviour.facts.get(f"{subject} warnings of others", []))
            behaviour.facts[f"{subject} warnings of others"] = sorted({*known, reason})
        return
    if reason in CREATED_ALREADY and "already exists" in fields["message"]:
        return
    if reason == "CreatedService" and f"{subject} event {reason}" in behaviour.facts:
        # A late pass may make the head service once more while its cluster is being deleted.
        return
    count = (fields.get("series") or {}).get("count", 1)
    told = {key: fields.get(key) for key in ("type", "action", "api", "reportingComponent")}
    told["note"] = normalise_text(fields["message"]).split("&ContainerStateTerminated")[0]
    key = f"{subject} event {reason}"
    if reason in RETRIED:
        behaviour.facts[key] = told
    elif entry.change == "ADDED":
        behaviour.facts.setdefault(key, []).append({**told, "count": count})
    else:
        behaviour.facts[key][-1]["count"] = count


def _pod(behaviour: Behaviour, names: StableNames, subject: str, entries: list[Entry]) -> None:
    made = entries[0].fields
    keys = ("ownerReferences", "labels", "restartPolicy", "initContainers", "containerNames")
    facts = {key: made[key] for key in keys if key in made}
    # Their values are opaque: a hash, a version.
    facts["annotations"] = sorted(made.get("annotations") or {})
    behaviour.facts[f"{subject} made"] = _normalised(facts)
    behaviour.facts[f"{subject} called"] = normalise_text(entries[0].name)
    deaths, waits = _deaths(entries), _waits(entries)
    if deaths:
        behaviour.facts[f"{subject} deaths"] = deaths
    if waits:
        behaviour.facts[f"{subject} waits for"] = waits
    last = entries[-1]
    gone = last.change == "DELETED"
    behaviour.facts[f"{subject} ends"] = {"phase": last.fields.get("phase"), "gone": gone}


def _deaths(entries: Iterable[Entry]) -> dict[str, str]:
    """How each run of each container ended; a watch may miss the state, not the last state."""
    deaths: dict[str, str] = {}
    for entry in entries:
        for container in entry.fields.get("containers") or []:
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
        for container in entry.fields.get("containers") or []:
            reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
            reasons.add(f"{container['name']}: {reason}" if reason not in USUAL_WAITS else None)
        for condition in entry.fields.get("conditions") or []:
            if condition["type"] == "PodScheduled":
                reasons.add(f"node: {condition.get('reason')}")
    return sorted(r for r in reasons if r and not r.endswith(": None"))


def _action(behaviour: Behaviour, entry: Entry) -> None:
    """What the API server answered, where it refused."""
    if entry.fields.get("http", 200) >= 400 and entry.name.startswith("create"):
        told = normalise_text(str(entry.fields.get("message", "")))
        name = normalise_text(entry.name).partition(" (attempt")[0]
        behaviour.facts[f"refused: {name}"] = f"{entry.fields['http']} {told[:160]}"


def _end(behaviour: Behaviour, end: Object) -> None:
    before = end.get("before_delete") or {}
    behaviour.facts["objects before the clean-up"] = sorted(
        normalise_text(name) for name in before if name != "pods"
    )
    behaviour.facts["pods before the clean-up"] = sorted(
        normalise_text(pod) for pod in before.get("pods", [])
    )
    behaviour.facts["left behind"] = end.get("left_after_delete") or {}


def _normalised(value: Any) -> Any:
    if isinstance(value, str):
        return normalise_text(value)
    if isinstance(value, list):
        return [_normalised(item) for item in value]
    if isinstance(value, dict):
        return {key: _normalised(item) for key, item in value.items()}
    return value
