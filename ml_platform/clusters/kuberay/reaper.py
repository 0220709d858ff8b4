"""Removes clusters that nobody needs: the second line behind KubeRay's own deadlines.

Only what carries our labels and this environment is looked at. Whether a Dagster run lives is asked
of Dagster, and an answer that is not known removes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from ml_platform.clusters.interface import Reaped, RunEnd
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig, Limits
from ml_platform.clusters.kuberay.expiry import expires_s, expiry_of, expiry_text, seconds_of
from ml_platform.clusters.kuberay.seen import Object, annotation
from ml_platform.clusters.kuberay.unused import unused, warning_of
from ml_platform.clusters.kuberay.views import is_over
from ml_platform.errors import ApiRefusedError, ObjectConflictError, ObjectMissingError

LastUse = Callable[[Object], float | None]
"""When a job ran last on an interactive cluster, in seconds since 1970, infinite while one does;
None where that is not known."""

# For so long a retry of a run that has ended may come and adopt its cluster.
RETRY_WITHIN_S: Final = 900.0
# KubeRay removes what has ended by itself; what is left after so long it has forgotten.
LEFT_OVER_S: Final = 900.0
# A run that is not of this Dagster may be another's, or a `mlp model reproduce` on a laptop: who
# uses the cluster is not known, but for how long is. In a queue no deadline of KubeRay holds.
UNHEARD_S: Final = 24 * 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReapDecision:
    """What becomes of a cluster of which nobody is known to need it.

    Attributes:
        reason: Why nobody needs it, or why that is not known.
        kept: Until when it stays, as somebody may; empty if it goes.
        warns: Whether that is to be noted at the cluster, for its owner.
    """

    reason: str
    kept: str = ""
    warns: bool = False


def decision_on(
    job: Object,
    limits: Limits,
    *,
    run_ended_s: RunEnd,
    now_s: float,
    last_used_s: LastUse = lambda job: None,
) -> ReapDecision | None:
    """Whether a RayJob of ours goes; None if it is needed, or goes by itself."""
    metadata = job["metadata"]
    if "deletionTimestamp" in metadata:
        return None
    expires = expires_s(job)
    if expires is not None and expires <= now_s:
        return ReapDecision(reason=f"it expired at {expiry_of(job)}")
    if is_over(job) and _over_for_s(job, now_s) > LEFT_OVER_S:
        ended_at = (job.get("status") or {}).get("endTime")
        return ReapDecision(reason=f"it has ended at {ended_at} and was left over")
    if expires is not None:
        return _while_it_is_used(job, limits, last_used_s, now_s)
    run = annotation(job, labels.RUN)
    ended = run_ended_s(run) if run else "unheard"
    if ended == "unheard":
        return None if is_over(job) else _while_it_may_be_used(job, run, limits, now_s)
    if ended is None or now_s - ended < RETRY_WITHIN_S:
        return None
    ago = f"{(now_s - ended) / 60:.0f} min ago"
    return ReapDecision(reason=f"its run {run} ended {ago} and nobody came back for it")


def reap(
    api: KubernetesApi,
    config: KubeRayConfig,
    *,
    run_ended_s: RunEnd,
    now_s: float,
    dry_run: bool,
    last_used_s: LastUse = lambda job: None,
) -> Iterator[Reaped]:
    """Remove each cluster of this environment that nobody needs, and say which and why.

    Raises:
        ApiRefusedError: the account may not list or delete; of objects, after all others.
        ApiAwayError: the API server stayed away.
    """
    judged = partial(
        decision_on,
        limits=config.limits,
        run_ended_s=run_ended_s,
        now_s=now_s,
        last_used_s=last_used_s,
    )
    ours = labels.selector(config.environment)
    refused: ApiRefusedError | None = None
    for listed in api.list(jobs_path(config.namespace), labels=ours):
        name = str(listed["metadata"]["name"])
        found = judged(listed)
        if found is not None and found.kept:
            if found.warns and not dry_run:
                try:
                    api.patch(jobs_path(config.namespace, name), warning_of(listed, now_s))
                except (ObjectMissingError, ObjectConflictError):
                    continue  # it is gone, or another one: the next round looks again
                except ApiRefusedError as error:
                    refused = refused or error
            yield Reaped(name=name, reason=found.reason, removed=False, kept=found.kept)
        elif found is not None:
            try:
                yield from _removed(api, config, name, judged, dry_run=dry_run)
            except ApiRefusedError as error:
                refused = refused or error
    if refused is not None:
        raise refused


def _removed(
    api: KubernetesApi,
    config: KubeRayConfig,
    name: str,
    judged: Callable[[Object], ReapDecision | None],
    *,
    dry_run: bool,
) -> Iterator[Reaped]:
    path = jobs_path(config.namespace, name)
    # Somebody may have adopted it since the list was made.
    job = api.get(path)
    found = judged(job) if job is not None else None
    if job is None or found is None or found.kept:
        return
    kept = "" if dry_run else _delete(api, path, job)
    removed = not dry_run and not kept
    yield Reaped(name=name, reason=found.reason, removed=removed, kept=kept)


def _while_it_is_used(
    job: Object, limits: Limits, last_used_s: LastUse, now_s: float
) -> ReapDecision | None:
    if not limits.unused_s or is_over(job):
        return None
    used_s = last_used_s(job)
    if used_s is None:
        return None
    found = unused(job, limit_s=limits.unused_s, last_used_s=used_s, now_s=now_s)
    if found is None:
        return None
    kept = "" if found.is_over else f"it is ended at {expiry_text(found.ends_s)} unless a job runs"
    return ReapDecision(reason=found.reason, kept=kept, warns=not found.is_warned)


def _while_it_may_be_used(job: Object, run: str, limits: Limits, now_s: float) -> ReapDecision:
    running_s = (job.get("spec") or {}).get("activeDeadlineSeconds") or limits.running_s
    until_s = now_s - _age_s(job, now_s) + limits.queue_s + running_s + UNHEARD_S
    unheard = f"Dagster has never heard of its run {run}" if run else "it has no run of Dagster"
    if expires := expiry_of(job):
        unheard = f"its {labels.EXPIRES} is {expires!r}, which is no time, and {unheard}"
    if now_s > until_s:
        return ReapDecision(reason=f"{unheard}, and it is a day older than it may wait and run")
    return ReapDecision(
        reason=unheard, kept=f"somebody else may use it until {expiry_text(until_s)}"
    )


def _delete(api: KubernetesApi, path: str, job: Object) -> str:
    """Delete it; why it stays, if it does."""
    metadata = job["metadata"]
    try:
        gone = api.delete(path, uid=metadata["uid"], version=metadata["resourceVersion"])
    except ObjectConflictError:
        return "it has changed since it was read: the next round looks again"
    return "" if gone else "it is gone already"


def _over_for_s(job: Object, now_s: float) -> float:
    ended_at = (job.get("status") or {}).get("endTime")
    return _since_s(ended_at, now_s) if ended_at else _age_s(job, now_s)


def _age_s(job: Object, now_s: float) -> float:
    return _since_s(job["metadata"]["creationTimestamp"], now_s)


def _since_s(time: object, now_s: float) -> float:
    """Seconds since a time; none since one that cannot be read, so that nothing follows from it."""
    then_s = seconds_of(str(time))
    return 0.0 if then_s is None else now_s - then_s
