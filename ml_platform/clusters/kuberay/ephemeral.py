"""The provisioner `ephemeral`: a RayJob in InteractiveMode for each attempt.

KubeRay makes the cluster, guards it with deadlines of its own and cleans up; we submit. Its name
comes from the attempt, so making it twice is making it once, and whoever comes later adopts it.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

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
from ml_platform.clusters.kuberay.api import KubernetesApi, api_of, core_path, jobs_path
from ml_platform.clusters.kuberay.attempt_jobs import AttemptJobs, lost
from ml_platform.clusters.kuberay.checks.valid import require_valid
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.diagnosis.head import readiness
from ml_platform.clusters.kuberay.dying_logs import DyingLogs
from ml_platform.clusters.kuberay.head_address import LOST_AFTER_S, head_address
from ml_platform.clusters.kuberay.joining import Joining
from ml_platform.clusters.kuberay.last_use import last_use
from ml_platform.clusters.kuberay.last_words import last_words
from ml_platform.clusters.kuberay.outages import Outages
from ml_platform.clusters.kuberay.pod_phases import record_pod_phases
from ml_platform.clusters.kuberay.reaper import PATIENCE_S, reap
from ml_platform.clusters.kuberay.removal import GONE_WITHIN_S, Removal
from ml_platform.clusters.kuberay.room import require_place
from ml_platform.clusters.kuberay.seen import (
    Object,
    Seen,
    is_going,
    of_ray_cluster,
    uid_of,
)
from ml_platform.clusters.kuberay.start import JOBS, PODS, seen_by, start_on
from ml_platform.clusters.kuberay.subjects import life, subjects
from ml_platform.clusters.kuberay.takes_jobs import takes_jobs
from ml_platform.clusters.kuberay.views import (
    KIND,
    head_incarnation,
    phase_of,
    view_of,
)
from ml_platform.clusters.kuberay.vouching import vouches
from ml_platform.clusters.kuberay.watch import Watch, watch_of
from ml_platform.clusters.kuberay.why import why_it_waits
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import (
    ApiAwayError,
    ClusterError,
    ClusterLeftError,
)
from ml_platform.xray.records import REMOVING, Recorder


class EphemeralProvisioner(Provisioner):
    """One cluster an attempt, on Kubernetes.

    Args:
        config: Where and how.
        api: The API server; found by the configuration where None is given.
        clock: Seconds that only grow.
        now: Seconds since 1970.
        sleep: Waits for some seconds.
        gone_within_s: How long a cluster may take to go.
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
        gone_within_s: float = GONE_WITHIN_S,
    ) -> None:
        self._config = config
        self._given = api
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._gone_within_s = gone_within_s

    @cached_property
    def _api(self) -> KubernetesApi:
        return self._given or api_of(self._config, clock=self._clock, sleep=self._sleep)

    @cached_property
    def _jobs(self) -> AttemptJobs:
        return AttemptJobs(
            self._api, self._config, self._removal, clock=self._clock, sleep=self._sleep
        )

    @cached_property
    def _removal(self) -> Removal:
        return Removal(
            self._api,
            self._config.namespace,
            gone_within_s=self._gone_within_s,
            clock=self._clock,
        )

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
        told = self._api.telling(Outages(recorder, self._config.namespace, clock=self._clock).met)
        with told, watch_of(self._api, looked_at, clock=self._clock) as watch:
            job: Object | None = None
            dying = DyingLogs(self._api, self._config.namespace, watch)
            try:
                with recorder.phase("cluster") as phase:
                    job, made = self._jobs.create_or_adopt(request, watch, recorder)
                    if made:
                        require_place(self._api, self._config, job)
                    cluster, joining = self._when_ready(request, job, watch, recorder, dying)
                    phase.detail = "started" if made else "adopted"
                with dying, joining:
                    yield cluster
                joining.raise_failure()
            except BaseException:
                if job is not None:
                    with recorder.phase(REMOVING):
                        self._removal.after_failure(request.name, uid_of(job), watch, recorder)
                raise
            with recorder.phase(REMOVING):
                self._removal.after_success(request.name, uid_of(job), watch, recorder)

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
                looked_at = life(self._config.namespace, name)
                with watch_of(self._api, looked_at, clock=self._clock) as watch:
                    self._removal.remove(name, uid_of(job), watch)
        except ClusterError as error:
            raise ClusterLeftError(
                f"what the cluster {name} has left could not be removed: {error.message}",
                hint=f"KubeRay's deadlines and the reaper end it; `mlp cluster stop {name}` now.",
            ) from error

    def stop(self, name: str) -> None:
        """See `Provisioner.stop`; waits until the last pod is gone."""
        job, pods = self._find(name)
        if job is None and not pods:
            return
        if job is not None:
            self._jobs.require_ours(job)
        self._removal.end(name, uid_of(job) if job is not None else "")

    def reap(self, run_ended_s: RunEnd, *, dry_run: bool) -> Iterator[Reaped]:
        """See `Provisioner.reap`."""
        api = self._api.for_at_most(PATIENCE_S)
        return reap(
            api,
            self._config,
            run_ended_s=run_ended_s,
            now_s=self._now(),
            dry_run=dry_run,
            last_used_s=lambda job: last_use(api, self._config.namespace, job),
        )

    def shutdown(self) -> None:
        """Nothing: each cluster is removed by its user, KubeRay's deadlines, or the reaper."""

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
                raise lost(request.name, phase_of(job, pods)[1] or "its head is another one")
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
        uid = uid_of(job)
        try:
            seen = start.wait(uid, request.spec.worker_count, is_ready=takes_jobs)
        finally:
            # Now, since Kubernetes forgets after an hour what was pulled.
            if start.seen is not None:
                record_pod_phases(recorder, start.seen)
        incarnation = head_incarnation(seen.pods)
        if request.incarnation and incarnation != request.incarnation:
            raise lost(request.name, "its head is another one")
        assert seen.ray_cluster is not None
        ray_cluster = str(seen.ray_cluster["metadata"]["name"])
        self._jobs.annotate(request.name, {labels.INCARNATION: incarnation})

        def is_gone() -> bool:
            try:
                jobs, pods = watch.objects(JOBS), watch.objects(PODS)
            except ClusterError:  # a right was taken away: it is not known
                return False
            # Not what KubeRay says of the job: a job that has failed has not lost its head.
            there = [one for one in jobs if uid_of(one) == uid and not is_going(one)]
            its = of_ray_cluster(pods, ray_cluster)
            return not there or head_incarnation(its) != incarnation

        # As it was made, which may have been under another configuration.
        auth = (seen.ray_cluster.get("spec") or {}).get("authOptions") or {}
        head = head_address(
            self._api,
            self._config.namespace,
            ray_cluster,
            auth=auth,
        )

        def all_have_joined(is_over: Callable[[], bool]) -> None:
            joined = start.wait(
                uid,
                request.spec.worker_count,
                is_ready=lambda now, workers: is_over() or readiness(now, workers),
            )
            start.tell_losses(uid, joined, is_over)

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
            vouches_for=lambda job: vouches(watch, uid, incarnation, job),
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
        self._jobs.annotate(name, {}, jobId=submission_id)

    def _find(self, name: str) -> tuple[Object | None, list[Object]]:
        namespace = self._config.namespace
        job = self._api.get(jobs_path(namespace, name))
        pods = self._api.list(
            core_path(namespace, "pods"), labels=f"{labels.CLUSTER}={labels.label_value(name)}"
        )
        return job, list(pods)
