"""When KubeRay itself ends a cluster that still runs: a guard against what everybody forgot. Pure.

Its clock begins with the RayJob's start, so that what comes before the work counts too.
"""

import math
from typing import Final

from ml_platform.clusters.kuberay.checks.scalars import LARGEST
from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.seen import Object

TO_END_S: Final = 900
"""What stops a job that is overdue, keeps its last words and waits for an API server away."""


def running_deadline_s(limits: Limits, *, work_s: float) -> int:
    """`limits.running_s`, or more where the work itself may run for longer.

    Whoever follows the work ends it at its own limit and says so; a deadline of KubeRay before that
    would look like a cluster that was lost.

    Args:
        limits: Clocks of the clusters.
        work_s: For how long the work may run; 0 if nobody says.
    """
    if not work_s:
        return limits.running_s
    before_s = limits.unsubmitted_s + limits.job_start_s
    return min(LARGEST, max(limits.running_s, math.ceil(before_s + work_s) + TO_END_S))


def extended(job: Object, deadline_s: int) -> dict[str, int]:
    """The change of a RayJob's `spec` by which it may run for so long; none if it may already.

    KubeRay reads the deadline anew each time it looks.
    """
    before = job["spec"].get("activeDeadlineSeconds")
    if before is None or before >= deadline_s:
        return {}
    return {"activeDeadlineSeconds": deadline_s}
