"""Removes clusters that nobody needs: the second line behind KubeRay's own deadlines.

Only what carries our labels and this environment is looked at. Whether a Dagster run lives is asked
of Dagster, and an answer that is not known removes nothing. What becomes of a cluster is told as it
happens, and one of which something fails keeps no other.
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
from ml_platform.clusters.kuberay.last_use import LastUse, LastUses
from ml_platform.clusters.kuberay.seen import Object, annotation, is_going
from ml_platform.clusters.kuberay.unused import unused, warning_of
from ml_platform.clusters.kuberay.views import is_over
from ml_platform.errors import ObjectConflictError, ObjectMissingError, reason_of
from ml_platform.wrong_values import of_another_form

# For so long a retry of a run that has ended may come and adopt its cluster.
RETRY_WITHIN_S: Final = 900.0
# KubeRay removes what has ended by itself; what is left after so long it has forgotten.
LEFT_OVER_S: Final = 900.0
# A run that is not of this Dagster may be another's, or a `mlp model reproduce` on a laptop: who
# uses the cluster is not known, but for how long is. In a queue no deadline of KubeRay holds.
UNHEARD_S: Final = 24 * 3600.0
# The API server may be away for so long: who reaps comes again in a minute.
PATIENCE_S: Final = 10.0
# Heads are asked in so long, and all of them, those asked again before their end too, in so long:
# a look of the sensor is ended after 60 s.
HEADS_WITHIN_S: Final = 15.0
ALL_HEADS_WITHIN_S: Final = 30.0


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
    if is_going(job):
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
    heads_within_s: float = HEADS_WITHIN_S,
) -> Iterator[Reaped]:
    """Remove each cluster of this environment that nobody needs; tells each as it is done.

    Args:
        api: The API server.
        config: Where, and whose.
        run_ended_s: When a run ended.
        now_s: Now, in seconds since 1970.
        dry_run: Whether to say only what would go.
        last_used_s: Asks the head of an interactive cluster.
        heads_within_s: How long all heads together have to answer; of one that has not, nothing is
            known until the next round.

    Raises:
        ApiRefusedError: the account may not list.
        ApiAwayError: the API server stayed away.
    """
    uses = LastUses(last_used_s, within_s=heads_within_s, all_within_s=ALL_HEADS_WITHIN_S)
    judged = partial(
        decision_on,
        limits=config.limits,
        run_ended_s=run_ended_s,
        now_s=now_s,
        last_used_s=uses.last_used_s,
    )
    ours = labels.selector(config.environment)
    jobs = api.list(jobs_path(config.namespace), labels=ours)
    if config.limits.unused_s:
        uses.look([job for job in jobs if _may_be_unused(job, now_s)])
    for listed in jobs:
        name, reason = str(listed["metadata"]["name"]), ""
        path = jobs_path(config.namespace, name)
        try:
            found = judged(listed)
            if found is None:
                continue
            reason = found.reason
            if not found.kept:
                one = _removed(api, path, uses, judged, dry_run=dry_run)
            elif found.warns and not dry_run and not _warned(api, path, listed, now_s):
                one = None
            else:
                one = Reaped(name=name, reason=reason, removed=False, kept=found.kept)
        except Exception as error:  # boundary: what fails with one cluster keeps no other
            one = Reaped(name=name, reason=reason, removed=False, failed=reason_of(error))
        if one is not None:
            yield one


def _removed(
    api: KubernetesApi,
    path: str,
    uses: LastUses,
    judged: Callable[[Object], ReapDecision | None],
    *,
    dry_run: bool,
) -> Reaped | None:
    """What becomes of one that nobody seems to need; None if somebody does."""
    # Somebody may have adopted it since the list was made.
    job = api.get(path)
    if job is None:
        return None
    uses.again(job)
    found = judged(job)
    if found is None or found.kept:
        return None
    kept = "" if dry_run else _delete(api, path, job)
    removed = not dry_run and not kept
    name = str(job["metadata"]["name"])
    return Reaped(name=name, reason=found.reason, removed=removed, kept=kept)


def _warned(api: KubernetesApi, path: str, listed: Object, now_s: float) -> bool:
    """Note a warning at a cluster; whether it is still there as it was listed."""
    try:
        api.patch(path, warning_of(listed, now_s))
    except (ObjectMissingError, ObjectConflictError):
        return False  # it is gone, or another one: the next round looks again
    return True


def _may_be_unused(job: Object, now_s: float) -> bool:
    """Whether it is judged by its last use."""
    expires = expires_s(job)
    return expires is not None and expires > now_s and not is_over(job) and not is_going(job)


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
        unheard = f"{of_another_form(f'its {labels.EXPIRES}', expires, 'a time')}, and {unheard}"
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
