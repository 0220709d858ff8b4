"""Removes clusters that nobody needs: the second line behind KubeRay's own deadlines.

Only what carries our labels and this environment is looked at. Whether a Dagster run lives is asked
of Dagster, and an answer that is not known removes nothing.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ml_platform.clusters.interface import Reaped, RunEnd
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.views import is_over
from ml_platform.errors import ObjectConflictError

# For so long a retry of a run that has ended may come and adopt its cluster.
RETRY_WITHIN_S: Final = 900.0
# KubeRay removes what has ended by itself; what is left after so long it has forgotten.
LEFT_OVER_S: Final = 900.0


def unneeded(job: Object, *, run_ended_s: RunEnd, now_s: float) -> str:
    """Why nobody needs a RayJob of ours; empty if somebody may."""
    metadata = job["metadata"]
    if "deletionTimestamp" in metadata:
        return ""
    annotations = metadata.get("annotations") or {}
    expires = annotations.get(labels.EXPIRES)
    if expires and _seconds(expires) <= now_s:
        return f"it expired at {expires}"
    ended_at = (job.get("status") or {}).get("endTime")
    if is_over(job) and now_s - _seconds(ended_at or metadata["creationTimestamp"]) > LEFT_OVER_S:
        return f"it has ended at {ended_at} and was left over"
    run = annotations.get(labels.RUN)
    if not run:
        return ""
    run_end = run_ended_s(run)
    if run_end is None or now_s - run_end < RETRY_WITHIN_S:
        return ""
    return f"its run {run} ended {(now_s - run_end) / 60:.0f} min ago and nobody came back for it"


def reap(
    api: KubernetesApi,
    config: KubeRayConfig,
    *,
    run_ended_s: RunEnd,
    now_s: float,
    dry_run: bool,
) -> Iterator[Reaped]:
    """Remove each cluster of this environment that nobody needs, and say which and why.

    Raises:
        ApiRefusedError: the account may not list or delete.
        ApiAwayError: the API server stayed away.
    """
    ours = labels.selector(config.environment)
    for listed in api.list(jobs_path(config.namespace), labels=ours):
        if not unneeded(listed, run_ended_s=run_ended_s, now_s=now_s):
            continue
        path = jobs_path(config.namespace, str(listed["metadata"]["name"]))
        # Somebody may have adopted it since the list was made.
        job = api.get(path)
        if job is None:
            continue
        reason = unneeded(job, run_ended_s=run_ended_s, now_s=now_s)
        if reason:
            removed = not dry_run and _delete(api, path, job)
            yield Reaped(name=str(job["metadata"]["name"]), reason=reason, removed=removed)


def _delete(api: KubernetesApi, path: str, job: Object) -> bool:
    metadata = job["metadata"]
    try:
        return api.delete(path, uid=metadata["uid"], version=metadata["resourceVersion"])
    except ObjectConflictError:
        return False  # it has changed since it was read: the next round looks again


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
