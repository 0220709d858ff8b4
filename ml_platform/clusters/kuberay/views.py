"""What a RayJob and its pods say of a cluster, in the words of the seam. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from ml_platform.clusters.interface import ClusterPhase, ClusterView
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.diagnosis.head import incarnation
from ml_platform.clusters.kuberay.seen import Object, Seen, annotation, is_going
from ml_platform.clusters.spec import ClusterSpec

KIND: Final = "ephemeral"
FAILED: Final = frozenset({"Failed", "ValidationFailed"})
EXPIRED: Final = "PreRunningDeadlineExceeded"
"""KubeRay's word for the end of a cluster to which nobody has submitted."""
QUEUED: Final = frozenset({"Suspended", "Suspending"})


def head_incarnation(pods: Sequence[Object]) -> str:
    """Names the life of the head that runs now; empty if none runs."""
    return incarnation(Seen(ray_job=None, pods=tuple(pods)))


def phase_of(job: Object | None, pods: Sequence[Object]) -> tuple[ClusterPhase, str]:
    """Where a cluster is in its life, and why it waits or failed."""
    if job is None:
        return "absent", ""
    if is_going(job):
        return "stopping", "it is being removed"
    status = job.get("status") or {}
    deployment = str(status.get("jobDeploymentStatus") or "")
    said = str(status.get("message") or status.get("reason") or "")
    expires = annotation(job, labels.EXPIRES)
    if expires and status.get("reason") == EXPIRED:
        return "stopping", f"it expired at {expires}"
    if deployment in FAILED:
        return "failed", said or deployment
    if deployment == "Complete":
        return "stopping", "its job has ended"
    if deployment in QUEUED:
        return "queued", said
    was = annotation(job, labels.INCARNATION)
    if expires and (was or deployment == "Waiting"):
        # People use it until its end, whichever head it has: no life of one is in use.
        ready = bool(head_incarnation(pods))
        return ("ready", "") if ready else ("starting", "its head is not running")
    if not was:
        return ("ready" if deployment == "Waiting" else "starting"), said
    now = head_incarnation(pods)
    if now == was:
        return "ready", ""
    return "lost", "its head was replaced or started again" if now else "its head is not running"


def view_of(job: Object | None, pods: Sequence[Object], *, name: str) -> ClusterView:
    """A cluster as it is now."""
    phase, reason = phase_of(job, pods)
    if job is None:
        return ClusterView(name=name, provisioner=KIND, phase=phase, reason=reason)
    status = job.get("status") or {}
    running = str(status.get("jobId") or "") if phase == "ready" else ""
    return ClusterView(
        name=name,
        provisioner=KIND,
        phase=phase,
        spec=spec_of(job),
        incarnation=head_incarnation(pods),
        reason=reason,
        url=f"http://{status['dashboardURL']}" if status.get("dashboardURL") else "",
        users=tuple(filter(None, [annotation(job, labels.HOLDER)])),
        jobs=(running,) if running else (),
        details={
            key: value
            for key, value in {
                "run": annotation(job, labels.RUN),
                "owner": annotation(job, labels.OWNER),
                "expires": annotation(job, labels.EXPIRES),
                "unused, and warned of it at": annotation(job, labels.UNUSED),
                "ray cluster": str(status.get("rayClusterName") or ""),
                "created": str(job["metadata"].get("creationTimestamp") or ""),
                "pods": ", ".join(sorted(str(pod["metadata"]["name"]) for pod in pods)),
            }.items()
            if value
        },
    )


def spec_of(job: Object) -> ClusterSpec | None:
    """What was asked for; None for one of another version of the platform."""
    try:
        return ClusterSpec.model_validate_json(annotation(job, labels.SPEC))
    except ValidationError:
        return None


def is_over(job: Object) -> bool:
    """Nothing more happens to it but its removal."""
    status: Mapping[str, Any] = job.get("status") or {}
    return status.get("jobDeploymentStatus") in {*FAILED, "Complete"}
