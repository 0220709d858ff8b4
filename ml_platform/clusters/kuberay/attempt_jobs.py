"""The RayJobs of attempts: made, or found and adopted, which by their names is the same.

Its name comes from the attempt, so of any number of steps that come one makes it.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

from ml_platform.clusters.interface import ClusterRequest
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.creating import create_job
from ml_platform.clusters.kuberay.deadline import extended, running_deadline_s
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.kuberay.removal import GONE_WITHIN_S, Removal
from ml_platform.clusters.kuberay.seen import Object, Watched, annotation, is_going, uid_of
from ml_platform.clusters.kuberay.start import JOBS
from ml_platform.clusters.kuberay.views import is_over
from ml_platform.clusters.kuberay.watched_limit import WatchedLimit
from ml_platform.errors import (
    ClusterError,
    ClusterLostError,
    ClusterStartError,
    ObjectConflictError,
    ObjectMissingError,
)
from ml_platform.xray.records import Recorder

POLL_S: Final = 0.2
LATE_S: Final = 2.0
"""An object of ours may appear so long after its create was broken off."""


class AttemptJobs:
    """The RayJobs of attempts in one environment.

    Args:
        api: The API server.
        config: Where and how clusters are made.
        removal: Of those that cannot be used.
        clock: Seconds that only grow.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        api: KubernetesApi,
        config: KubeRayConfig,
        removal: Removal,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._config = config
        self._removal = removal
        self._clock = clock
        self._sleep = sleep

    def create_or_adopt(
        self, request: ClusterRequest, watch: Watched, recorder: Recorder
    ) -> tuple[Object, bool]:
        """The RayJob of this name that is to be used, and whether it was made for it.

        Args:
            request: The cluster.
            watch: Of its `life`.
            recorder: Is told why it waits.
        """
        limit = WatchedLimit(GONE_WITHIN_S, self._clock)
        path = jobs_path(self._config.namespace)
        while True:
            there = self._api.get(f"{path}/{request.name}")
            if there is None and request.incarnation:
                raise lost(request.name, "it is not there any more")
            if there is None:
                try:
                    manifest = self._manifest(request)
                    return create_job(self._api, self._config, manifest, recorder), True
                except ObjectConflictError:
                    # Another was first, or its end, or our own try whose answer was lost.
                    self._sleep(POLL_S)
                except Exception:
                    raise
                except BaseException:
                    self._take_back(request, watch)
                    raise
            else:
                self.require_ours(there)
                if request.incarnation or self._can_be_adopted(there, request):
                    return self._adopt(there, request), False
                if not self._removal.remove_in_time(request.name, uid_of(there), watch):
                    raise self._stays(request)
            if limit.is_over():
                raise self._stays(request)

    def annotate(self, name: str, values: dict[str, str], **spec: Any) -> Object:
        """Write annotations of a RayJob, and fields of its spec; returns it as it is then.

        Raises:
            ClusterLostError: it is not there any more.
        """
        body: dict[str, Any] = {"metadata": {"annotations": values}}
        if spec:
            body["spec"] = spec
        try:
            return self._api.patch(jobs_path(self._config.namespace, name), body)
        except ObjectMissingError as error:
            raise lost(name, "it is not there any more") from error

    def require_ours(self, job: Object) -> None:
        """Refuse the RayJob of somebody else.

        Raises:
            ClusterStartError: says whose it is.
        """
        found = (job["metadata"].get("labels") or {}).get(labels.ENVIRONMENT)
        if found != labels.label_value(self._config.environment):
            raise ClusterStartError(
                f"the RayJob {job['metadata']['name']} in {self._config.namespace} is not of this "
                f"environment ({self._config.environment}), but of {found or 'somebody else'}",
                hint="give each environment a namespace of its own.",
            )

    def _stays(self, request: ClusterRequest) -> ClusterStartError:
        return ClusterStartError(
            f"the cluster {request.name} of before is not gone in time",
            hint="`mlp cluster show` has its pods; is the operator of KubeRay running?",
        )

    def _take_back(self, request: ClusterRequest, watch: Watched) -> None:
        """Remove what a create has made whose answer an interrupt has cut off, if it comes soon."""
        path = jobs_path(self._config.namespace, request.name)
        deadline = self._clock() + LATE_S
        with contextlib.suppress(ClusterError):  # the reaper and KubeRay's deadlines come later
            while (left_s := deadline - self._clock()) > 0:
                changes = watch.changes
                for job in watch.objects(JOBS):
                    if annotation(job, labels.RUN) == request.run:
                        self._api.delete(path, uid=uid_of(job))
                        return
                watch.wait(changes, left_s)

    def _can_be_adopted(self, job: Object, request: ClusterRequest) -> bool:
        same = annotation(job, labels.SPEC_HASH) == request.spec.spec_hash()
        return same and not is_over(job) and not is_going(job)

    def _adopt(self, job: Object, request: ClusterRequest) -> Object:
        # Who looks whether its run lives must not find that of a step that has died.
        taken = bool(request.run) and annotation(job, labels.RUN) != request.run
        run = {labels.RUN: request.run} if taken else {}
        longer = extended(job, running_deadline_s(self._config.limits, work_s=request.work_s))
        return self.annotate(request.name, run, **longer) if run or longer else job

    def _manifest(self, request: ClusterRequest) -> dict[str, Any]:
        return ray_job(
            request.name,
            request.spec,
            self._config,
            holder=request.holder,
            work_s=request.work_s,
            annotations={labels.RUN: request.run} if request.run else {},
        )


def lost(name: str, why: str) -> ClusterLostError:
    """A cluster that somebody uses is not there any more."""
    return ClusterLostError(
        f"the cluster {name} is lost: {why}",
        hint="run the step again: it goes on from the last checkpoint on a new cluster.",
    )
