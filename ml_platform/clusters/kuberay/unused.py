"""Interactive clusters on which nothing runs: warned about, then ended. Pure.

Whoever connects, submits or calls `ray.init` on one has a job on its head; a cluster without one
costs what it costs. The warning is an annotation, which `mlp cluster show` tells, so that no
cluster goes unwarned because the reaper was away while it was to be warned.
"""

from dataclasses import dataclass
from typing import Any, Final

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.expiry import expiry_text, seconds_of
from ml_platform.clusters.kuberay.seen import Object, annotation

WARNED_FROM: Final = 0.5
"""The share of the time without a job from which on it is warned about."""
WARNED_FOR_S: Final = 900.0
"""It is ended so long after its warning at the soonest, or half of that time if it is shorter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unused:
    """What becomes of a cluster on which nothing has run for long.

    Attributes:
        reason: For how long.
        ends_s: When it is ended, in seconds since 1970, if nothing runs on it until then.
        is_warned: Whether that was said already.
        is_over: Whether it goes now.
    """

    reason: str
    ends_s: float
    is_warned: bool
    is_over: bool


def unused(job: Object, *, limit_s: float, last_used_s: float, now_s: float) -> Unused | None:
    """What becomes of it; None while it is not to be warned about.

    Args:
        job: Its RayJob.
        limit_s: `limits.unused_s`.
        last_used_s: When the last job on it ended, or it was ready; now if one goes on.
        now_s: Now, in seconds since 1970.
    """
    idle_s = now_s - last_used_s
    if idle_s < limit_s * WARNED_FROM:
        return None
    warned_s = seconds_of(annotation(job, labels.UNUSED))
    if warned_s is not None and warned_s < last_used_s:  # of an idle time before this one
        warned_s = None
    warned_for_s = min(WARNED_FOR_S, limit_s * WARNED_FROM)
    earliest_s = (now_s if warned_s is None else warned_s) + warned_for_s
    ends_s = max(last_used_s + limit_s, earliest_s)
    return Unused(
        reason=f"nothing has run on it for {idle_s / 60:.0f} min",
        ends_s=ends_s,
        is_warned=warned_s is not None,
        is_over=warned_s is not None and now_s >= ends_s,
    )


def warning_of(job: Object, now_s: float) -> dict[str, Any]:
    """The merge patch that warns about it, as long as it has not changed."""
    kept = {key: job["metadata"][key] for key in ("uid", "resourceVersion")}
    return {"metadata": {**kept, "annotations": {labels.UNUSED: expiry_text(now_s)}}}
