"""Clusters that people make, use and remove: an owner, a time at which they end, no job of ours.

Each is a RayJob in InteractiveMode as those of attempts are, with `spec.jobId` never written: see
`expiry` for why the server itself holds its end. Making one twice is making it once.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

from ml_platform.clusters.interface import Cluster, ClusterView, JobRuntime
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, api_of, clusters_path, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.creating import create_job
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.expiry import expiry_of, extension, require_ttl
from ml_platform.clusters.kuberay.head_address import LOST_AFTER_S, head_address
from ml_platform.clusters.kuberay.interactive_manifest import (
    Wanted,
    ending_after,
    interactive_manifest,
)
from ml_platform.clusters.kuberay.removal import Removal
from ml_platform.clusters.kuberay.room import require_place
from ml_platform.clusters.kuberay.seen import Object, annotation, is_going, uid_of
from ml_platform.clusters.kuberay.start import JOBS, PODS, start_on
from ml_platform.clusters.kuberay.subjects import life, subjects
from ml_platform.clusters.kuberay.views import head_incarnation, is_over, view_of
from ml_platform.clusters.kuberay.vouching import vouches
from ml_platform.clusters.kuberay.watch import Watch, watch_of
from ml_platform.errors import (
    ClusterError,
    ClusterStartError,
    InputError,
    ObjectConflictError,
    ObjectMissingError,
)
from ml_platform.wrong_values import shown_name
from ml_platform.xray.records import Recorder


class InteractiveClusters:
    """The interactive clusters of one environment.

    Args:
        config: Where and how.
        api: The API server; found by the configuration where None is given.
        clock: Seconds that only grow.
        now: Seconds since 1970.
        sleep: Waits for some seconds.
        new_id: Names a call: no two are alike.
    """

    def __init__(
        self,
        config: KubeRayConfig,
        *,
        api: KubernetesApi | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._config = config
        self._given = api
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._new_id = new_id

    def manifest(self, wanted: Wanted) -> dict[str, Any]:
        """The RayJob that `up` would create now; asks nobody. Raises as `interactive_manifest`."""
        return interactive_manifest(wanted, self._config, now_s=self._now())

    def up(self, wanted: Wanted, recorder: Recorder, *, wait: bool = True) -> ClusterView:
        """Make the cluster, or find the one that was made, and wait until it is ready.

        One that was made here and does not start is removed again; one that is interrupted while it
        starts is not, and the same call goes on from there.

        Args:
            wanted: The cluster.
            recorder: Is told why it waits.
            wait: Whether to wait until it is ready.

        Raises:
            InputError: the name is somebody else's, or of another cluster; or as `manifest`.
            ClusterStartError: it does not become ready; names the cause.
            ApiRefusedError: the account may not.
            ApiAwayError: the API server stayed away.
        """
        manifest = self.manifest(wanted)
        looked_at = subjects(self._config.namespace, wanted.name, queue=wanted.spec.queue)
        with watch_of(self._api, looked_at, clock=self._clock) as watch:
            job, made = self._create_or_adopt(wanted, manifest, recorder)
            try:
                if made:
                    require_place(self._api, self._config, job)
                if wait:
                    self._wait(wanted, uid_of(job), watch, recorder)
            except ClusterStartError:
                if made:
                    self._take_back(wanted.name, recorder)
                raise
        return self._provisioner.look(wanted.name)

    def choose(self, name: str, owner: str) -> str:
        """`name`, or without one the only interactive cluster of `owner`.

        Raises:
            InputError: there is none of this name, or not exactly one of this owner.
        """
        return _name(self._chosen(name, owner))

    def extend(self, name: str, owner: str, ttl_s: float) -> ClusterView:
        """Let a cluster live `ttl_s` seconds from now on.

        Raises:
            InputError: it is not the owner's, is not interactive, or would end earlier.
            ClusterError: it has ended before it could be extended.
        """
        require_ttl(ttl_s, longest_s=self._config.limits.running_s)
        job = self._mine(name, owner)
        try:
            after = self._api.patch(
                jobs_path(self._config.namespace, name),
                extension(job, ttl_s=ttl_s, now_s=self._now()),
            )
        except ObjectMissingError:
            after = None
        if after is None or is_over(after) or is_going(after):
            raise ClusterError(
                f"the cluster {name} has ended before it could be extended",
                hint="`mlp cluster up` makes another one.",
            )
        return self._provisioner.look(name)

    def down(self, name: str, owner: str) -> str:
        """Remove a cluster of the owner's and wait until its last pod is gone; returns its name.

        Args:
            name: Which; empty for the only one of the owner.
            owner: Whose it has to be.

        Raises:
            InputError: it is not the owner's, or is not interactive; or as `choose`.
            ClusterError: it cannot be removed.
        """
        job = self._chosen(name, owner)
        _require_own(job, owner)
        name = _name(job)
        # Which one of this name is meant is known by its uid: nothing has to be read again.
        removal = Removal(self._api, self._config.namespace, clock=self._clock)
        removal.end(name, uid_of(job))
        return name

    def look(self, name: str) -> ClusterView:
        """A cluster as it is now."""
        return self._provisioner.look(name)

    def cluster(self, name: str) -> Cluster:
        """A cluster whose head takes jobs, of an attempt or interactive.

        Raises:
            ClusterError: it is not ready; says where it is and why.
        """
        job = self._api.get(jobs_path(self._config.namespace, name))
        view = self._provisioner.look(name)
        if job is None or view.phase != "ready" or not view.incarnation:
            why = f": {view.reason}" if view.reason else ""
            raise ClusterError(
                f"the cluster {name} is {view.phase}{why}",
                hint=f"`mlp cluster show {name}` says more.",
            )

        def is_gone() -> bool:
            try:
                now = self._provisioner.look(name)
            except ClusterError:  # a right was taken away: it is not known
                return False
            return _has_ended(now, view.incarnation)

        auth = job["spec"]["rayClusterSpec"].get("authOptions") or {}
        return Cluster(
            name=name,
            head=head_address(
                self._api,
                self._config.namespace,
                str(job["status"]["rayClusterName"]),
                auth=auth,
            ),
            runtime=JobRuntime(),
            incarnation=view.incarnation,
            is_gone=is_gone,
            lost_after_s=LOST_AFTER_S,
        )

    @contextmanager
    def watched(self, name: str) -> Iterator[Cluster]:
        """The same, its end known from watches while the block runs: asking for it asks nobody.

        Raises as `cluster`.
        """
        looked_at = life(self._config.namespace, name)
        with watch_of(self._api, looked_at, clock=self._clock) as watch:
            found = self.cluster(name)

            def is_gone() -> bool:
                if not watch.is_current(JOBS, PODS):  # it is not known
                    return False
                job, pods = next(iter(watch.objects(JOBS)), None), watch.objects(PODS)
                return _has_ended(view_of(job, pods, name=name), found.incarnation)

            def vouches_for(submission_id: str) -> bool:
                job = next(iter(watch.objects(JOBS)), None) if watch.is_current(JOBS) else None
                return job is not None and vouches(
                    watch, uid_of(job), found.incarnation, submission_id
                )

            yield replace(found, is_gone=is_gone, vouches_for=vouches_for)

    @cached_property
    def _api(self) -> KubernetesApi:
        return self._given or api_of(self._config, clock=self._clock, sleep=self._sleep)

    @cached_property
    def _provisioner(self) -> EphemeralProvisioner:
        return EphemeralProvisioner(
            self._config, api=self._api, clock=self._clock, now=self._now, sleep=self._sleep
        )

    def _jobs(self) -> dict[str, Object]:
        ours = labels.selector(self._config.environment)
        found = self._api.list(jobs_path(self._config.namespace), labels=ours)
        return {_name(job): job for job in found}

    def _chosen(self, name: str, owner: str) -> Object:
        """The RayJob of the cluster. Raises as `choose`."""
        found = self._jobs()
        if name in found:
            return found[name]
        mine = sorted(one for one, job in found.items() if _owner(job) == owner)
        if not name and len(mine) == 1:
            return found[mine[0]]
        there = ", ".join(mine if not name and mine else sorted(found)) or "none"
        raise InputError(
            f"there is no cluster {shown_name(name)} on Kubernetes; there is {there}"
            if name
            else f"which cluster? {owner} has {len(mine)}; there is {there}",
            hint="`mlp cluster ls` shows all, `mlp cluster up` makes one.",
        )

    def _create_or_adopt(
        self, wanted: Wanted, manifest: dict[str, Any], recorder: Recorder
    ) -> tuple[Object, bool]:
        """The RayJob, and whether it was made for this call."""
        path = jobs_path(self._config.namespace)
        there = self._api.get(f"{path}/{wanted.name}")
        if there is not None and _owner(there) == wanted.owner and is_over(there):
            self._provisioner.stop(wanted.name)
            there = None
        call = self._new_id()
        if there is None:
            self._require_no_foreign(wanted.name)
            try:
                made = _made_by(call, manifest)
                return create_job(self._api, self._config, made, recorder), True
            except ObjectConflictError:  # another was first, or the answer to our create was lost
                there = self._api.get(f"{path}/{wanted.name}")
        if there is None or is_going(there):
            raise ClusterStartError(
                f"a cluster {wanted.name} is being removed just now",
                hint="the same command again, in a minute.",
            )
        hashes = [
            one["metadata"].get("annotations", {}).get(labels.SPEC_HASH)
            for one in (there, manifest)
        ]
        if _owner(there) == wanted.owner and hashes[0] == hashes[1]:
            return there, annotation(there, labels.CALL) == call
        raise InputError(
            f"there is a cluster {wanted.name} already, "
            + (
                "of another size"
                if _owner(there) == wanted.owner
                else f"which is {_owner(there) or 'a training'}'s"
            ),
            hint=f"name another by --name; `mlp cluster show {wanted.name}` shows that one.",
        )

    def _require_no_foreign(self, name: str) -> None:
        """Refuse the name of a RayCluster that somebody made without a RayJob.

        KubeRay 1.7.0 makes a service `<RayJob>-head-svc`, and takes one of this name whosever it
        is: the other's head would not be found under its own name any more.
        """
        namespace = self._config.namespace
        if self._api.list(clusters_path(namespace), fields=f"metadata.name={name}"):
            raise InputError(
                f"there is a RayCluster {name} in {namespace} already, which no `mlp cluster up` "
                "has made, and a cluster of this name would take its head's service from it",
                hint="name another by --name.",
            )

    def _take_back(self, name: str, recorder: Recorder) -> None:
        """Remove what was made for nothing to its last pod; why it was is the news, not this."""
        try:
            self._provisioner.stop(name)
        except ClusterError as error:
            recorder.happened("cluster", detail=f"{name} could not be removed: {error.message}")

    def _wait(self, wanted: Wanted, uid: str, watch: Watch, recorder: Recorder) -> None:
        limits = ending_after(self._config, wanted.ttl_s).limits
        start = start_on(
            self._api,
            self._config.namespace,
            wanted.name,
            watch,
            limits,
            recorder,
            clock=self._clock,
            now=self._now,
        )
        seen = start.wait(uid, wanted.spec.worker_count)
        # KubeRay looks every 3 s and says so later; who comes next needs to know now.
        first = {labels.INCARNATION: head_incarnation(seen.pods)}
        path = jobs_path(self._config.namespace, wanted.name)
        self._api.patch(path, {"metadata": {"annotations": first}})

    def _mine(self, name: str, owner: str) -> Object:
        job = self._api.get(jobs_path(self._config.namespace, name))
        ours = labels.label_value(self._config.environment)
        if job is None or job["metadata"].get("labels", {}).get(labels.ENVIRONMENT) != ours:
            raise InputError(
                f"there is no cluster {shown_name(name)}", hint="`mlp cluster ls` shows all."
            )
        _require_own(job, owner)
        return job


def _made_by(call: str, manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    annotations = {**metadata["annotations"], labels.CALL: call}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _has_ended(now: ClusterView, incarnation: str) -> bool:
    """Whether a life of its head has; a head that does not run just now may come again."""
    return now.is_gone or (now.phase == "ready" and now.incarnation != incarnation)


def _require_own(job: Object, owner: str) -> None:
    """Refuse a cluster that is not interactive, or somebody else's."""
    if not expiry_of(job):
        raise InputError(
            f"{_name(job)} is a cluster of a training, which ends with it",
            hint="`mlp cluster stop` removes whoever's.",
        )
    if _owner(job) != owner:
        raise InputError(
            f"{_name(job)} is {_owner(job)}'s, and you are {owner}",
            hint=f"--owner {_owner(job)} acts as that one; `mlp cluster stop` removes whoever's.",
        )


def _name(job: Object) -> str:
    return str(job["metadata"]["name"])


def _owner(job: Object) -> str:
    return annotation(job, labels.OWNER)
