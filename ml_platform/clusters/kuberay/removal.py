"""How the cluster of an attempt is removed, and that it is seen to be gone.

A RayJob is named by its uid: what was made anew under its name meanwhile is left alone. Its end is
told by a watch; asked for is only what that does not know.
"""

import time
from collections.abc import Callable
from typing import Final

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, core_path, jobs_path
from ml_platform.clusters.kuberay.seen import Watched, uid_of
from ml_platform.clusters.kuberay.start import JOBS, PODS
from ml_platform.clusters.kuberay.subjects import life
from ml_platform.clusters.kuberay.watch import watch_of
from ml_platform.clusters.kuberay.watched_limit import LONGEST_LOOK_S, WatchedLimit
from ml_platform.errors import ClusterError, ClusterLeftError
from ml_platform.xray.records import Recorder

GONE_WITHIN_S: Final = 60.0


class Removal:
    """Removes RayJobs of one namespace.

    Args:
        api: The API server.
        namespace: Where they are.
        gone_within_s: How long one may take to go.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        *,
        gone_within_s: float = GONE_WITHIN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._gone_within_s = gone_within_s
        self._clock = clock

    def after_success(self, name: str, uid: str, watch: Watched, recorder: Recorder) -> None:
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
                self._require_gone(name, uid, watch)
        except ClusterError as error:
            recorder.happened("cluster", detail=f"{name} is being removed: {error.message}")

    def after_failure(self, name: str, uid: str, watch: Watched, recorder: Recorder) -> None:
        """Give back the cluster of work that has failed; why it did is the news, and not this."""
        try:
            self.remove(name, uid, watch)
        except ClusterError as error:
            recorder.happened("cluster", detail=f"{name} could not be removed: {error.message}")

    def remove(self, name: str, uid: str, watch: Watched) -> None:
        """Remove a RayJob, if it is still there.

        Args:
            name: Its name.
            uid: Which one of this name.
            watch: Of its `life`.

        Raises:
            ClusterError: it cannot be removed, or is not gone in time.
        """
        if self._delete(name, uid):
            self._require_gone(name, uid, watch)

    def end(self, name: str, uid: str = "") -> None:
        """Remove a cluster and wait until its last pod is gone; without a uid, only wait.

        Raises:
            ClusterError: it cannot be removed, or is not gone in time.
        """
        with watch_of(self._api, life(self._namespace, name), clock=self._clock) as watch:
            if uid:
                self.remove(name, uid, watch)
            self.wait_for_pods(name, watch)

    def remove_in_time(self, name: str, uid: str, watch: Watched) -> bool:
        """Remove a RayJob; whether it is gone in time. Raises as `remove`."""
        return not self._delete(name, uid) or self._is_gone_in_time(name, uid, watch)

    def wait_for_pods(self, name: str, watch: Watched) -> None:
        """Wait until no pod of a cluster is left.

        Raises:
            ClusterError: one is, after `gone_within_s` in which it could be looked at.
        """
        ours = f"{labels.CLUSTER}={labels.label_value(name)}"
        path = core_path(self._namespace, "pods")

        def is_there() -> bool | None:
            # One that was made just now may not have come in yet: none is asked for once more.
            return True if watch.objects(PODS) else None

        def asked() -> bool:
            return bool(self._api.list(path, labels=ours))

        if not self._wait(watch, PODS, is_there, asked):
            raise self._stays(name, "pods")

    def _delete(self, name: str, uid: str) -> bool:
        """Whether it was there."""
        return self._api.delete(jobs_path(self._namespace, name), uid=uid)

    def _require_gone(self, name: str, uid: str, watch: Watched) -> None:
        if not self._is_gone_in_time(name, uid, watch):
            raise self._stays(name, "RayJob")

    def _is_gone_in_time(self, name: str, uid: str, watch: Watched) -> bool:
        def is_there() -> bool | None:
            if uid in map(uid_of, watch.objects(JOBS)):
                return True
            return False if uid in map(uid_of, watch.gone(JOBS)) else None

        def asked() -> bool:
            job = self._api.get(jobs_path(self._namespace, name))
            return job is not None and uid_of(job) == uid

        return self._wait(watch, JOBS, is_there, asked)

    def _wait(
        self,
        watch: Watched,
        kind: str,
        is_there: Callable[[], bool | None],
        asked: Callable[[], bool],
    ) -> bool:
        """Whether something is gone after `gone_within_s` in which it could be looked at.

        Args:
            watch: What it is known from.
            kind: What of that.
            is_there: Whether it is by the watch; None if that does not know.
            asked: Whether it is by the API server.
        """
        watch.wait_for_lists(LONGEST_LOOK_S)
        limit = WatchedLimit(self._gone_within_s, self._clock)
        while True:
            changes = watch.changes
            is_late = limit.is_over()
            # A watch that has broken, or died unnoticed, shows what was.
            known = is_there() if watch.is_current(kind) and not is_late else None
            if not (asked() if known is None else known):
                return True
            if is_late:
                return False
            watch.wait(changes, min(LONGEST_LOOK_S, self._gone_within_s))

    def _stays(self, name: str, what: str) -> ClusterError:
        return ClusterError(
            f"the {what} of {name} is not gone after {self._gone_within_s:.0f} s",
            hint="is the operator of KubeRay running?",
        )
