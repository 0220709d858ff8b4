"""When a head is asked for a job whose log is open: seldom while somebody else would tell its end.

The log's stream ends with the job, but it may hang. Where the cluster's own watches vouch for the
job, they tell its end within seconds, and it is looked at only in case they are mistaken; where
nobody vouches for it, as often as a step has to end soon after its job.
"""

from collections.abc import Callable
from typing import Final

from ml_platform.clusters.interface import Cluster
from ml_platform.clusters.jobs.api import JobsApi

LOOK_S: Final = 2.5
"""How often to look at a job whose log goes on coming, or cannot be had."""
LOOK_ANYWAY_S: Final = 15.0
"""Who vouches for a job may be mistaken: an operator that is away, a watch that died unnoticed."""
WAKE_S: Final = 0.25
"""How often to look whether a job is still vouched for; it costs no request."""


class Looks:
    """The looks at one job.

    Args:
        is_vouched: Whether somebody else says that it runs.
        quiet_s: How often to look at one that writes nothing and that nobody vouches for; 0 for
            each time that it is asked for.
        clock: Seconds that only grow.
    """

    def __init__(
        self, is_vouched: Callable[[], bool], quiet_s: float, clock: Callable[[], float]
    ) -> None:
        self._is_vouched = is_vouched
        self._quiet_s = quiet_s
        self._clock = clock
        self._was_vouched = is_vouched()
        self._looked_s = clock()

    def is_due(self, *, is_quiet: bool) -> bool:
        """Whether to look now; who is told so does.

        Args:
            is_quiet: Whether the job has written nothing since it was asked last.
        """
        was_vouched, self._was_vouched = self._was_vouched, self._is_vouched()
        every_s = self._quiet_s if is_quiet else LOOK_S
        if self._was_vouched:
            every_s = LOOK_ANYWAY_S
        elif was_vouched:
            every_s = 0.0
        now = self._clock()
        if now - self._looked_s < every_s:
            return False
        self._looked_s = now
        return True


def api_of(cluster: Cluster) -> JobsApi:
    """The Jobs API of a cluster, whose silent streams let look up as often as `looks_of` wants."""
    wake_s = cluster.quiet_s if cluster.vouches_for is None else WAKE_S
    return JobsApi(cluster.head, quiet_s=wake_s)


def looks_of(
    cluster: Cluster, submission_id: str, clock: Callable[[], float]
) -> Callable[[], Looks]:
    """Begins the looks at a job's stream."""
    vouches = cluster.vouches_for
    if vouches is None:  # each silence of a stream is as long as it is to be
        return lambda: Looks(lambda: False, 0.0, clock)
    return lambda: Looks(lambda: vouches(submission_id), cluster.quiet_s, clock)
