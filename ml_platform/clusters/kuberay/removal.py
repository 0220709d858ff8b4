"""How the cluster of an attempt is removed, and that it is seen to be gone.

A RayJob is named by its uid: what was made anew under its name meanwhile is left alone.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.watched_limit import WatchedLimit
from ml_platform.errors import ClusterError, ClusterLeftError
from ml_platform.xray.records import Recorder

POLL_S: Final = 0.2
GONE_WITHIN_S: Final = 60.0


class Removal:
    """Removes RayJobs of one namespace.

    Args:
        api: The API server.
        namespace: Where they are.
        clock: Seconds that only grow.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock
        self._sleep = sleep

    def after_success(self, name: str, uid: str, recorder: Recorder) -> None:
        """Give back the cluster of work that is done; one whose removal is under way is.

        Raises:
            ClusterLeftError: its removal was not accepted.
        """
        try:
            found = self._delete(name, uid)
        except ClusterError as error:
            raise ClusterLeftError(
                f"the work on the cluster {name} is done, and it could not be removed: "
                f"{error.message}",
                hint=f"KubeRay's deadlines and the reaper end it; `mlp cluster stop {name}` now.",
            ) from error
        try:
            if found:
                self._wait(name, uid)
        except ClusterError as error:
            recorder.happened("cluster", detail=f"{name} is being removed: {error.message}")

    def after_failure(self, name: str, uid: str, recorder: Recorder) -> None:
        """Give back the cluster of work that has failed; why it did is the news, and not this."""
        try:
            self.remove(name, uid)
        except ClusterError as error:
            recorder.happened("cluster", detail=f"{name} could not be removed: {error.message}")

    def remove(self, name: str, uid: str) -> None:
        """Remove a RayJob, if it is still there.

        Raises:
            ClusterError: it cannot be removed, or is not gone in time.
        """
        if self._delete(name, uid):
            self._wait(name, uid)

    def wait_until_gone(self, name: str, what: str, left: Callable[[], Sequence[Object]]) -> None:
        """Wait until nothing is `left`.

        Raises:
            ClusterError: something is, after `GONE_WITHIN_S` in which it could be looked at.
        """
        limit = WatchedLimit(GONE_WITHIN_S, self._clock)
        while left():
            if limit.is_over():
                raise ClusterError(
                    f"the {what} of {name} is not gone after {GONE_WITHIN_S:.0f} s",
                    hint="is the operator of KubeRay running?",
                )
            self._sleep(POLL_S)

    def _delete(self, name: str, uid: str) -> bool:
        """Whether it was there."""
        return self._api.delete(jobs_path(self._namespace, name), uid=uid)

    def _wait(self, name: str, uid: str) -> None:
        def left() -> list[Object]:
            job = self._api.get(jobs_path(self._namespace, name))
            return [job] if job is not None and job["metadata"]["uid"] == uid else []

        self.wait_until_gone(name, "RayJob", left)
