"""What RayJob, RayCluster and a queue say themselves: invalid, waiting for its turn, too late."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, State, diagnosis
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen, seconds
from ml_platform.clusters.kuberay.seen import KueueUnknown, Object, Seen

_INVALID: Final = re.compile(r"Invalid(RayJob|RayCluster)(Spec|Metadata|Status)")
_NO_SUCH_QUEUE: Final = re.compile(r"(doesn't|does not) exist|not found", re.IGNORECASE)
_CLUSTER: Final = Place(kind="cluster")
_OVER: Final = frozenset({"Complete", "Failed", "ValidationFailed"})
_UNTOLD: Final[Mapping[KueueUnknown, tuple[str, str, str]]] = {
    "": (
        "",
        "Kueue has said nothing of it yet",
        "If it stays so, see whether Kueue runs and looks after this namespace: "
        "kubectl get localqueue {queue}",
    ),
    "not installed": (
        "/not-installed",
        "Kueue is not installed",
        "Install Kueue, which resumes it; or take `queue` out of the spec and start again.",
    ),
    "not allowed": (
        "/not-allowed",
        "the account may not read why (Kueue's workloads)",
        "`kubectl get workloads` says why, for who may; `deploy/rbac.yaml` has the rule.",
    ),
}
"""End of the key, what is said and what to do, where Kueue's own word is not known."""
TAKEN_UP_S: Final = 10.0
"""An operator that is started anew, or leads no longer, is back sooner."""
NO_QUEUE_AFTER_S: Final = 60.0
"""A queue that is made together with the job may come a moment later."""


def invalid(seen: Seen, events: tuple[EventSeen, ...]) -> Iterator[Diagnosis]:
    """What KubeRay will not take up, ever."""
    status = _status(seen.ray_job)
    if status.get("jobDeploymentStatus") == "ValidationFailed":
        yield _invalid("RayJob", status.get("message") or "", (), _name(seen.ray_job))
    # KubeRay says so once and leaves the status empty; a repaired one has conditions.
    if seen.ray_cluster is not None and not _status(seen.ray_cluster):
        for event in events:
            match = _INVALID.fullmatch(event.reason)
            if match and event.name == _name(seen.ray_cluster) and match[1] == "RayCluster":
                yield _invalid("RayCluster", event.message, (str(event),), event.name)


def _invalid(kind: str, message: str, evidence: tuple[str, ...], name: str) -> Diagnosis:
    return diagnosis(
        f"invalid/{kind}",
        "broken",
        _CLUSTER,
        f"KubeRay calls the {kind} {name} invalid: {message}",
        "Correct the cluster's spec (`clusters` in defs.yaml) and start again: a repaired object "
        "is not taken up, a new one is.",
        evidence=evidence or (message,),
        cause=Cause.BAD_INPUT,
    )


def not_taken_up(seen: Seen) -> Iterator[Diagnosis]:
    """Of an object to which KubeRay has said nothing at all; it takes milliseconds."""
    if seen.ray_job is None or _status(seen.ray_job):
        return
    metadata = seen.ray_job["metadata"]
    made_s = seconds(metadata.get("creationTimestamp"))
    if not made_s or seen.at_s - made_s <= TAKEN_UP_S:
        return
    yield diagnosis(
        "not-taken-up",
        "starting",
        _CLUSTER,
        f"KubeRay has not taken up RayJob {_name(seen.ray_job)}; is its operator running, does it "
        f"watch this namespace ({metadata.get('namespace', '')})?",
        "kubectl get pods --all-namespaces --selector app.kubernetes.io/name=kuberay-operator; its "
        "log says which namespaces it watches.",
        evidence=[f"RayJob {_name(seen.ray_job)}: made at {metadata['creationTimestamp']}"],
    )


def queued(seen: Seen) -> Iterator[Diagnosis]:
    """Waits in a queue, or was suspended."""
    if seen.ray_job is None or not (seen.ray_job.get("spec") or {}).get("suspend"):
        return
    if _status(seen.ray_job).get("jobDeploymentStatus") in _OVER:
        return
    queue = _labels(seen.ray_job).get(labels.QUEUE, "")
    if not queue and seen.workload is not None:
        queue = (seen.workload.get("spec") or {}).get("queueName") or ""
    if seen.workload is not None:
        yield from _in_queue(seen.workload, queue)
    elif queue:
        end, why, hint = _UNTOLD[seen.kueue_unknown]
        yield diagnosis(
            f"queued/{queue}{end}",
            "queued",
            _CLUSTER,
            f"It waits in queue {queue}; {why}.",
            hint.format(queue=queue),
        )
    else:
        namespace = seen.ray_job["metadata"].get("namespace")
        where = f" -n {namespace}" if namespace else ""
        yield diagnosis(
            "suspended",
            "queued",
            _CLUSTER,
            f"RayJob {_name(seen.ray_job)} is suspended, and is in no queue that would resume it.",
            f"Resume it: kubectl patch rayjob {_name(seen.ray_job)}{where} --type merge "
            """-p '{"spec":{"suspend":false}}'""",
        )


def _in_queue(workload: Object, queue: str) -> Iterator[Diagnosis]:
    conditions = {one["type"]: one for one in _status(workload).get("conditions") or ()}
    checks = _status(workload).get("admissionChecks") or ()
    refused = [one for one in checks if one["state"] == "Rejected"]
    waits = [one for one in checks if one["state"] in ("Pending", "Retry") and one.get("message")]
    state: State = "queued"
    give_up_after_s: float | None = None
    reserved = conditions.get("QuotaReserved") or {}
    why = _said(reserved, status="False")
    evicted = _said(conditions.get("Evicted"), status="True")
    if not evicted and _said(conditions.get("Admitted"), status="True"):
        return  # it is about to be resumed
    about = str(reserved.get("reason") or "") if why else ""
    if (workload.get("spec") or {}).get("active") is False:
        state, about = "broken", "switched-off"
        why = evicted or "Kueue has switched the workload off"
    elif refused:
        state, about = "broken", f"check/{refused[0]['name']}"
        why = f"admission check {refused[0]['name']}: {refused[0].get('message', 'rejected')}"
    elif reserved.get("reason") == "Inadmissible" and _NO_SUCH_QUEUE.search(why):
        give_up_after_s, about = NO_QUEUE_AFTER_S, "no-such-queue"
    elif not why and waits:
        about = f"check/{waits[0]['name']}"
        why = f"admission check {waits[0]['name']}: {waits[0]['message']}"
    elif not why and evicted:
        about, why = "evicted", evicted
    position = _position(workload)
    why = why or "Kueue has not looked at it yet"
    yield diagnosis(
        "/".join(filter(None, ("queued", queue, about))),
        state,
        _CLUSTER,
        f"It waits in queue {queue}{position}: {why}",
        "Name a queue of `kubectl get localqueues` that admits it, or ask for less."
        if state == "broken" or give_up_after_s is not None
        else "Nothing: it starts when its turn comes. To see who is before it: "
        "kubectl get workloads; to be quicker, ask for less or use another `queue`.",
        evidence=[f"{kind}={one['status']} {_text(one)}" for kind, one in conditions.items()],
        give_up_after_s=give_up_after_s,
        news=position,
    )


def _position(workload: Object) -> str:
    """From the fields of Kueue's pending workloads, where the caller has added them."""
    status = _status(workload)
    here, whole = status.get("positionInLocalQueue"), status.get("positionInClusterQueue")
    if here is None:
        return "" if whole is None else f", {whole} before it"
    # Other namespaces' queues may feed the same quota.
    others = "" if whole in (None, here) else f" ({whole} with those of other queues)"
    return f", {here} before it{others}"


def too_late(seen: Seen) -> Iterator[Diagnosis]:
    """KubeRay has ended it: that says when, seldom why."""
    status = _status(seen.ray_job)
    if status.get("jobDeploymentStatus") != "Failed":
        return
    reason, message = status.get("reason") or "", status.get("message") or ""
    match reason:
        case "PreRunningDeadlineExceeded":
            yield diagnosis(
                "deadline/pre-running",
                "broken",
                _CLUSTER,
                f"KubeRay removes the cluster, because no job was submitted in time: {message}",
                "See what kept it from starting; if nothing did, give it more time to start.",
                evidence=[message],
                says_only_when=True,
            )
        case "DeadlineExceeded":
            yield diagnosis(
                "deadline/active",
                "broken",
                _CLUSTER,
                f"KubeRay removes the cluster, because it has run for too long: {message}",
                "Raise the limit of running if the training needs so long; it goes on from its "
                "last checkpoint.",
                evidence=[message],
                cause=Cause.OVER_LIMIT,
                says_only_when=True,
            )
        case "JobStatusCheckTimeoutExceeded" | "JobDeploymentStatusTransitionGracePeriodExceeded":
            yield diagnosis(
                f"head-silent/{reason}",
                "broken",
                Place(kind="head"),
                f"KubeRay gave the cluster up, because its head did not answer: {message}",
                "Nothing: the next attempt goes on from the last checkpoint on a new cluster.",
                evidence=[message],
                cause=Cause.HEAD_LOST,
                says_only_when=True,
            )


def _status(item: Object | None) -> Mapping[str, Any]:
    return (item or {}).get("status") or {}


def _labels(item: Object) -> Mapping[str, str]:
    return item["metadata"].get("labels") or {}


def _name(item: Object | None) -> str:
    return (item or {"metadata": {}})["metadata"].get("name") or ""


def _said(condition: Mapping[str, Any] | None, *, status: str) -> str:
    """What a condition says, if it has this status."""
    return _text(condition) if condition and condition["status"] == status else ""


def _text(condition: Mapping[str, Any]) -> str:
    return ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
