"""KubeRay is made to try again what the API server has refused.

By itself it does so ever more seldom, minutes apart after a while, and nobody tells it of a quota
that was freed. It looks at once at an object of which an annotation has changed.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, clusters_path, jobs_path
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis
from ml_platform.clusters.kuberay.seen import Seen
from ml_platform.errors import ClusterError

EVERY_S: Final = 15.0
"""Its first tries come sooner by themselves."""
ANSWER_WITHIN_S: Final = 5.0


class Reminder:
    """Of one cluster on its way.

    Args:
        api: The API server.
        namespace: Where it is.
        clock: Seconds that only grow.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock
        self._now = now
        self._since: float | None = None

    def about(self, seen: Seen, diagnoses: Sequence[Diagnosis]) -> None:
        """Remind KubeRay, if something has been refused since `EVERY_S`; best effort."""
        path = self._path(seen)
        if not path or not any(one.operator_pauses for one in diagnoses):
            self._since = None
        elif self._since is None:
            self._since = self._clock()
        elif self._clock() - self._since >= EVERY_S:
            self._since = self._clock()
            reminded = {"annotations": {labels.REMINDED: str(int(self._now()))}}
            # Without the right to it, or without an answer, it tries again in its own time.
            with contextlib.suppress(ClusterError):
                self._api.patch_once(path, {"metadata": reminded}, within_s=ANSWER_WITHIN_S)

    def _path(self, seen: Seen) -> str:
        """Of what KubeRay was working on: the RayCluster, or the RayJob that is to make one."""
        if seen.ray_cluster is not None:
            return clusters_path(self._namespace, str(seen.ray_cluster["metadata"]["name"]))
        if seen.ray_job is not None:
            return jobs_path(self._namespace, str(seen.ray_job["metadata"]["name"]))
        return ""
