"""The provisioner `ephemeral`: a RayJob in InteractiveMode for each attempt.

KubeRay makes the cluster, guards it with deadlines of its own and cleans up; we submit. Its name
comes from the attempt, so making it twice is making it once, and whoever comes later adopts it.
"""

import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from ml_platform.clusters.interface import (
    Cluster,
    ClusterRequest,
    ClusterView,
    JobKey,
    JobRuntime,
    LastWords,
    Provisioner,
    Reaped,
    RunEnd,
)
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.access import find_access
from ml_platform.clusters.kuberay.api import KubernetesApi, core_path, jobs_path
from ml_platform.clusters.kuberay.checks import require_valid
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.creating import create_job
from ml_platform.clusters.kuberay.deadline import extended, running_deadline_s
from ml_platform.clusters.kuberay.diagnosis.head import readiness
from ml_platform.clusters.kuberay.dying_logs import DyingLogs
from ml_platform.clusters.kuberay.head_address import LOST_AFTER_S, head_address
from ml_platform.clusters.kuberay.joining import Joining
from ml_platform.clusters.kuberay.last_words import last_words
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.kuberay.patience import Patience
from ml_platform.clusters.kuberay.reaper import reap
from ml_platform.clusters.kuberay.removal import GONE_WITHIN_S, POLL_S, Removal
from ml_platform.clusters.kuberay.room import require_place
from ml_platform.clusters.kuberay.seen import Object, Seen, annotation
from ml_platform.clusters.kuberay.start import JOBS, PODS, seen_by, start_on
from ml_platform.clusters.kuberay.subjects import subjects
from ml_platform.clusters.kuberay.takes_jobs import takes_jobs
from ml_platform.clusters.kuberay.views import (
    KIND,
    head_incarnation,
    is_over,
    phase_of,
    view_of,
)
from ml_platform.clusters.kuberay.watch import Watch
from ml_platform.clusters.kuberay.why import why_it_waits
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import (
    ApiAwayError,
    ClusterError,
    ClusterLeftError,
    ClusterLostError,
    ClusterStartError,
    ObjectConflictError,
    ObjectMissingError,
)
from ml_platform.xray.records import Recorder

LATE_S: Final = 2.0
"""An object of ours may appear so long after its create was broken off."""


class EphemeralProvisioner(Provisioner):
    """One cluster an attempt, on Kubernetes.

    Args:
        config: Where and how.
        api: The API server; found by the configuration where None is given.
        clock: Seconds that only grow.
        now: Seconds since 1970.
        sleep: Waits for some seconds.
    """

    kind = KIND

    def __init__(
        self,
        config: KubeRayConfig,
        *,
        api: KubernetesApi | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        self._given = api
        self._clock = clock
        self._now = now
        self._sleep = sleep

    @cached_property
    def _api(self) -> KubernetesApi:
        if self._given is not None:
            return self._given
        access = find_access(kubeconfig=self._config.kubeconfig, context=self._config.context)
        return KubernetesApi(access, clock=self._clock, sleep=self._sleep)

    @cached_property
    def _removal(self) -> Removal:
        return Removal(self._api, self._config.namespace, clock=self._clock, sleep=self._sleep)

    @property
    def place(self) -> str:
        """The namespace of Kubernetes: its clusters can be seen from everywhere."""
        return f"kubernetes:{self._config.namespace}"

    @property
    def abandoned_after_s(self) -> float:
        """See `Provisioner.abandoned_after_s`."""
        return math.inf

    def cluster_name(self, key: JobKey, attempt: int, spec: ClusterSpec) -> str:
        """At most 44 characters; two environments in one namespace have names of their own."""
        del spec
        slug = key.slug()
        digest = hashlib.sha256(f"{self._config.environment}\0{slug}".encode()).hexdigest()[:10]
        return f"{slug[:-11]}-{digest}-{attempt}"

    @contextmanager
    def acquire(self, request: ClusterRequest, recorder: Recorder) -> Iterator[Cluster]:
        """See `Provisioner.acquire`.

        Raises:
            ModelSpecError: no such cluster can be made; says why, and nothing was.
            ClusterStartError: it never became ready; names the cause.
            ClusterLostError: the incarnation that was asked for is gone.
            ClusterLeftError: the work in the block is done, and the cluster could not be removed.
            ApiForbiddenError: the account lacks a right; names it.
            ApiAwayError: the API server stayed away.
        """
        require_valid(request.name, request.spec, self._config)
        looked_at = subjects(self._config.namespace, request.name, queue=request.spec.queue)
        with Watch(
            self._api.access, looked_at, still_grants=self._api.still_grants, clock=self._clock
        ) as watch:
            job: Object | None = None
            dying = DyingLogs(self._api, self._config.namespace, watch)
            try:
                with recorder.phase("cluster") as phase:
                    job, made = self._create_or_adopt(request, recorder)
                    if made:
                        require_place(self._api, self._config, job)
                    cluster, joining = self._when_ready(request, job, watch, recorder, dying)
                    phase.detail = "started" if made else "adopted"
                with dying, joining:
                    yield cluster
                joining.raise_failure()
            except BaseException:
                if job is not None:
                    self._removal.after_failure(request.name, _uid(job), recorder)
                raise
            self._removal.after_success(request.name, _uid(job), recorder)

    def look(self, name: str) -> ClusterView:
        """See `Provisioner.look`; `unknown` while the API server is away."""
        try:
            job, pods = self._find(name)
            view = view_of(job, pods, name=name)
            if job is not None and view.phase in ("queued", "starting"):
                why = why_it_waits(self._api, job, now_s=self._now())
                view = replace(view, reason=why or view.reason)
        except ApiAwayError as error:
            return ClusterView(
                name=name, provisioner=self.kind, phase="unknown", reason=error.message
            )
        return view

    def inventory(self) -> list[ClusterView]:
        """All clusters of this environment."""
        ours = labels.selector(self._config.environment)
        jobs = self._api.list(jobs_path(self._config.namespace), labels=ours)
        pods = self._api.list(core_path(self._config.namespace, "pods"), labels=ours)
        found = []
        for job in jobs:
            name = str(job["metadata"]["name"])
            its = [one for one in pods if one["metadata"]["labels"].get(labels.CLUSTER) == name]
            found.append(view_of(job, its, name=name))
        return found

    def clear(self, name: str) -> None:
        """See `Provisioner.clear`."""
        try:
            job, pods = self._find(name)
            if job is not None and phase_of(job, pods)[0] in ("failed", "lost", "stopping"):
                self._removal.remove(name, _uid(job))
        except ClusterError as error:
            raise ClusterLeftError(
                f"what the cluster {name} has left could not be removed: {error.message}",
                hint=f"KubeRay's deadlines and the reaper end it; `mlp cluster stop {name}` now.",
            ) from error

    def stop(self, name: str) -> None:
        """See `Provisioner.stop`; waits until the last pod is gone."""
        job, _ = self._find(name)
        if job is not None:
            self._require_ours(job)
            self._removal.remove(name, _uid(job))
        self._removal.wait_until_gone(name, "pods", lambda: self._find(name)[1])

    def reap(self, run_ended_s: RunEnd, *, dry_run: bool) -> list[Reaped]:
        """See `Provisioner.reap`."""
        found = reap(
            self._api, self._config, run_ended_s=run_ended_s, now_s=self._now(), dry_run=dry_run
        )
        return list(found)

    def shutdown(self) -> None:
        """Nothing: each cluster is removed by its user, KubeRay's deadlines, or the reaper."""

    def _create_or_adopt(self, request: ClusterRequest, recorder: Recorder) -> tuple[Object, bool]:
        """The RayJob of this name that is to be used, and whether it was made for it."""
        patience = Patience(GONE_WITHIN_S, self._clock)
        path = jobs_path(self._config.namespace)
        while True:
            there = self._api.get(f"{path}/{request.name}")
            if there is None and request.incarnation:
                raise _lost(request.name, "it is not there any more")
            if there is None:
                try:
                    manifest = self._manifest(request)
                    return create_job(self._api, self._config, manifest, recorder), True
                except ObjectConflictError:
                    pass  # another was first, or its end, or our own try whose answer was lost
                except Exception:
                    raise
                except BaseException:
                    self._take_back(request)
                    raise
            else:
                self._require_ours(there)
                if request.incarnation or self._can_be_adopted(there, request):
                    return self._adopt(there, request), False
                self._api.delete(f"{path}/{request.name}", uid=_uid(there))
            if patience.is_over():
                raise ClusterStartError(
                    f"the cluster {request.name} of before is not gone after {GONE_WITHIN_S:.0f} s",
                    hint="`mlp cluster show` has its pods; is the operator of KubeRay running?",
                )
            self._sleep(POLL_S)

    def _take_back(self, request: ClusterRequest) -> None:
        """Remove what a create has made whose answer an interrupt has cut off, if it comes soon."""
        path = jobs_path(self._config.namespace, request.name)
        deadline = self._clock() + LATE_S
        with contextlib.suppress(ClusterError):  # the reaper and KubeRay's deadlines come later
            while self._clock() < deadline:
                job = self._api.get(path)
                if job is not None and annotation(job, labels.RUN) == request.run:
                    self._api.delete(path, uid=_uid(job))
                    return
                self._sleep(POLL_S)

    def _can_be_adopted(self, job: Object, request: ClusterRequest) -> bool:
        same = annotation(job, labels.SPEC_HASH) == request.spec.spec_hash()
        return same and not is_over(job) and "deletionTimestamp" not in job["metadata"]

    def _adopt(self, job: Object, request: ClusterRequest) -> Object:
        # Who looks whether its run lives must not find that of a step that has died.
        taken = bool(request.run) and annotation(job, labels.RUN) != request.run
        run = {labels.RUN: request.run} if taken else {}
        longer = extended(job, running_deadline_s(self._config.limits, work_s=request.work_s))
        return self._annotate(request.name, run, **longer) if run or longer else job

    def _annotate(self, name: str, values: dict[str, str], **spec: Any) -> Object:
        body: dict[str, Any] = {"metadata": {"annotations": values}}
        if spec:
            body["spec"] = spec
        try:
            return self._api.patch(jobs_path(self._config.namespace, name), body)
        except ObjectMissingError as error:
            raise _lost(name, "it is not there any more") from error

    def _manifest(self, request: ClusterRequest) -> dict[str, Any]:
        return ray_job(
            request.name,
            request.spec,
            self._config,
            holder=request.holder,
            work_s=request.work_s,
            annotations={labels.RUN: request.run} if request.run else {},
        )

    def _require_ours(self, job: Object) -> None:
        found = (job["metadata"].get("labels") or {}).get(labels.ENVIRONMENT)
        if found != labels.label_value(self._config.environment):
            raise ClusterStartError(
                f"the RayJob {job['metadata']['name']} in {self._config.namespace} is not of this "
                f"environment ({self._config.environment}), but of {found or 'somebody else'}",
                hint="give each environment a namespace of its own.",
            )

    def _when_ready(
        self,
        request: ClusterRequest,
        job: Object,
        watch: Watch,
        recorder: Recorder,
        dying: DyingLogs,
    ) -> tuple[Cluster, Joining]:
        if request.incarnation:
            _, pods = self._find(request.name)
            if head_incarnation(pods) != request.incarnation:
                raise _lost(request.name, phase_of(job, pods)[1] or "its head is another one")
        start = start_on(
            self._api,
            self._config.namespace,
            request.name,
            watch,
            self._config.limits,
            recorder,
            clock=self._clock,
            now=self._now,
        )
        uid = _uid(job)
        seen = start.wait(uid, request.spec.worker_count, is_ready=takes_jobs)
        incarnation = head_incarnation(seen.pods)
        if request.incarnation and incarnation != request.incarnation:
            raise _lost(request.name, "its head is another one")
        assert seen.ray_cluster is not None
        self._annotate(request.name, {labels.INCARNATION: incarnation})

        def is_gone() -> bool:
            try:
                jobs, pods = watch.objects(JOBS), watch.objects(PODS)
            except ClusterError:  # a right was taken away: it is not known
                return False
            # Not what KubeRay says of the job: a job that has failed has not lost its head.
            there = [
                one
                for one in jobs
                if one["metadata"]["uid"] == uid and "deletionTimestamp" not in one["metadata"]
            ]
            return not there or head_incarnation(pods) != incarnation

        head = head_address(
            self._api,
            self._config.namespace,
            str(seen.ray_cluster["metadata"]["name"]),
            token_auth=self._config.token_auth,
        )

        def all_have_joined(is_over: Callable[[], bool]) -> Seen:
            return start.wait(
                uid,
                request.spec.worker_count,
                is_ready=lambda now, workers: is_over() or readiness(now, workers),
            )

        joining = Joining(all_have_joined, head)

        def note_job(submission_id: str) -> None:
            self._note_job(request.name, submission_id)
            joining.note_job(submission_id)

        cluster = Cluster(
            name=request.name,
            head=head,
            runtime=JobRuntime(),
            incarnation=incarnation,
            is_gone=is_gone,
            note_job=note_job,
            last_words=lambda: self._last_words(watch, uid, seen, dying),
            lost_after_s=LOST_AFTER_S,
            job_start_s=self._config.limits.job_start_s,
        )
        return cluster, joining

    def _last_words(self, watch: Watch, uid: str, ready: Seen, dying: DyingLogs) -> LastWords:
        try:
            now = seen_by(watch, uid, self._now())
        except ClusterError:  # a right was taken away: what happened is no less true for that
            return LastWords()
        namespace = self._config.namespace
        return last_words(self._api, namespace, ready=ready, now=now, dying=dying.logs)

    def _note_job(self, name: str, submission_id: str) -> None:
        """From now on KubeRay guards the job with its deadline, and not only its submission."""
        self._annotate(name, {}, jobId=submission_id)

    def _find(self, name: str) -> tuple[Object | None, list[Object]]:
        namespace = self._config.namespace
        job = self._api.get(jobs_path(namespace, name))
        pods = self._api.list(
            core_path(namespace, "pods"), labels=f"{labels.CLUSTER}={labels.label_value(name)}"
        )
        return job, list(pods)


def _lost(name: str, why: str) -> ClusterLostError:
    return ClusterLostError(
        f"the cluster {name} is lost: {why}",
        hint="run the step again: it goes on from the last checkpoint on a new cluster.",
    )


def _uid(job: Object) -> str:
    return str(job["metadata"]["uid"])
