"""When a job ran last on an interactive cluster: asked of its head.

Heads are asked side by side and in a time that is bounded for all of them: one that has frozen
takes no other's time, nor that of the sensor that reaps, which is ended after a minute.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.expiry import seconds_of
from ml_platform.clusters.kuberay.head_address import head_address
from ml_platform.clusters.kuberay.seen import Object, uid_of
from ml_platform.errors import ClusterError

LastUse = Callable[[Object], float | None]
"""When a job ran last on an interactive cluster, in seconds since 1970, infinite while one does;
None where that is not known."""

ANSWERS_WITHIN_S: Final = 10.0
"""A head that is well answers in a tenth of a second."""
MOST_AT_ONCE: Final = 64


class LastUses:
    """When jobs ran last on clusters; who has not answered in time has not answered.

    Args:
        ask: Asks the head of one.
        within_s: How long a look at some may take.
        all_within_s: How long all looks may take together, from now on.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        ask: LastUse,
        *,
        within_s: float,
        all_within_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._within_s = within_s
        self._clock = clock
        self._until_s = clock() + all_within_s
        self._asked: dict[str, Future[float | None]] = {}

    def look(self, jobs: Sequence[Object]) -> None:
        """Ask the heads of these clusters, anew if they have been asked."""
        if not jobs:
            return
        within_s = min(self._within_s, self._until_s - self._clock())
        pool = ThreadPoolExecutor(min(len(jobs), MOST_AT_ONCE), thread_name_prefix="last-use")
        asked = {uid_of(job): pool.submit(self._ask, job) for job in jobs}
        wait(asked.values(), timeout=max(0.0, within_s))
        # Those that still ask end by themselves: each question has a limit of its own.
        pool.shutdown(wait=False, cancel_futures=True)
        self._asked |= asked

    def again(self, job: Object) -> None:
        """Ask once more if it has been asked."""
        if uid_of(job) in self._asked:
            self.look([job])

    def last_used_s(self, job: Object) -> float | None:
        """What its head has said; None if it has not. Raises what asking it has raised."""
        asked = self._asked.get(uid_of(job))
        return asked.result() if asked is not None and _has_answered(asked) else None


def _has_answered(asked: "Future[float | None]") -> bool:
    return asked.done() and not asked.cancelled()


def last_use(api: KubernetesApi, namespace: str, job: Object) -> float | None:
    """In seconds since 1970, infinite while one runs; None where that is not known.

    Before the first job it is when the cluster was begun. A head that does not answer, or may not
    be asked, says nothing of its use, so that nothing follows from it.
    """
    status = job.get("status") or {}
    ray_cluster, begun_s = status.get("rayClusterName"), seconds_of(str(status.get("startTime")))
    if not ray_cluster or begun_s is None or status.get("jobDeploymentStatus") != "Waiting":
        return None
    auth = job["spec"]["rayClusterSpec"].get("authOptions") or {}
    try:
        head = head_address(api, namespace, str(ray_cluster), auth=auth)
        with JobsApi(head) as jobs:
            last_s = jobs.last_used_s(within_s=ANSWERS_WITHIN_S)
    except ClusterError:
        return None
    return begun_s if last_s is None else max(begun_s, last_s)
