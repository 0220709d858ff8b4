"""Whether a cluster that ran was taken away as a whole: by its queue, a person, or a deadline.

KubeRay then deletes RayCluster and pods without a word of why, so RayJob and queue are asked first.
"""

from collections.abc import Mapping
from typing import Any, Final

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.kuberay.diagnosis.job import too_late
from ml_platform.clusters.kuberay.seen import Object, Seen, is_going

GOES_ON: Final = "the next attempt goes on from the last checkpoint on a new cluster."
_SUSPENDED: Final = frozenset({"Suspending", "Suspended"})


def withdrawn(before: Seen, now: Seen) -> Failure | None:
    """Why all of it goes or is gone; None if nobody has decided so.

    Args:
        before: What was seen while it was ready.
        now: What is seen now.
    """
    job = now.ray_job
    if late := next(too_late(now), None):
        return late.failure
    if now.workload is not None and (evicted := _condition(now.workload, "Evicted")):
        return _evicted(evicted)
    if job is not None and _is_suspended(job):
        name = job["metadata"].get("name") or ""
        return _failure(
            f"Its RayJob {name} was suspended, and no queue says why.",
            f"See who suspends it; {GOES_ON}",
            evidence=f"RayJob {name}: suspend is true",
        )
    if _is_gone(before.ray_job, job):
        return _failure("Its RayJob was deleted.", f"See who deletes it; {GOES_ON}")
    if _is_gone(before.ray_cluster, now.ray_cluster):
        return _failure("Its RayCluster was deleted.", f"See who deletes it; {GOES_ON}")
    return None


def _evicted(evicted: Mapping[str, Any]) -> Failure:
    reason, message = evicted.get("reason") or "", evicted.get("message") or ""
    keep = " A higher `priority` keeps it." if reason == "Preempted" else ""
    return _failure(
        f"Its queue has taken its room back: {reason}: {message}",
        f"Nothing: the next attempt waits in the queue and goes on from the last checkpoint.{keep}",
        evidence=f"Workload: Evicted: {reason}: {message}",
    )


def _failure(why: str, hint: str, *, evidence: str = "") -> Failure:
    return Failure(
        cause=Cause.HEAD_LOST,
        place=Place(kind="cluster"),
        message=f"The cluster is lost, and with it the job that it ran. {why}",
        hint=hint,
        evidence=(evidence,) if evidence else (),
    )


def _is_suspended(job: Object) -> bool:
    status = job.get("status") or {}
    return bool((job.get("spec") or {}).get("suspend")) or (
        status.get("jobDeploymentStatus") in _SUSPENDED
    )


def _is_gone(before: Object | None, now: Object | None) -> bool:
    if before is None or now is None:
        return now is None and before is not None
    old, new = before["metadata"], now["metadata"]
    return is_going(now) or old.get("uid") != new.get("uid")


def _condition(item: Object, kind: str) -> Mapping[str, Any] | None:
    """A condition that is true."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)
