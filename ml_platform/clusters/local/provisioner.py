"""Clusters on this machine: a Ray per cluster spec, shared by steps and stopped when unused.

Its life is the keeper's business (`keeper`); a user takes a lease, starts a keeper if there
is none, and submits over HTTP as to any other head.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ml_platform.clusters.interface import Clusters, Entrypoint, Job, JobKey, Phase
from ml_platform.clusters.jobs.api import HeadAddress, JobsApi
from ml_platform.clusters.jobs.job import submit_or_adopt
from ml_platform.clusters.jobs.retry import Patience
from ml_platform.clusters.local.acquire import LOST_AFTER_S, Admission
from ml_platform.clusters.local.folder import ClusterFolder, Order
from ml_platform.clusters.local.inventory import folders, stop_cluster
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import PlatformError

IDLE_TIMEOUT_S: Final = 30.0
ORPHAN_GRACE_S: Final = 120.0
START_TIMEOUT_S: Final = 120.0
OBJECT_STORE_BYTES: Final = 256 * 2**20
# How many jobs of a spec find the CPUs that they ask for at the same moment, as many as
# `mlp backfill --max-parallel` allows. A local Ray's CPUs are numbers that it counts down, and a
# training that finds none left would wait until Ray Train gives up. How many may run at once is the
# limit of the Dagster pool `ray`, which a person sets; here nothing is to be in its way.
JOBS_AT_ONCE: Final = 64
# A head on this machine may be asked often, so that the end of a job is seen at once.
QUIET_S: Final = 0.3


class LocalClusters(Clusters):
    """A Ray on this machine per cluster spec.

    CPUs are logical: a spec may ask for more than the machine has, and its processes share them; so
    do the jobs that run at once.

    Args:
        home: Folder for state, locks and logs.
        idle_timeout_s: How long an unused Ray is kept.
        orphan_grace_s: How long a job whose follower died is kept for a retry to adopt it.
        start_timeout_s: How long Ray may take to start.
        environ: The environment that Ray and its jobs inherit, but for variables of Ray, Dagster
            and the platform: those an entry point has to ask for.
        clock: Seconds that only grow.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        home: Path,
        *,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        orphan_grace_s: float = ORPHAN_GRACE_S,
        start_timeout_s: float = START_TIMEOUT_S,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._home = home.resolve()
        self._idle_timeout_s = idle_timeout_s
        self._orphan_grace_s = orphan_grace_s
        self._start_timeout_s = start_timeout_s
        self._environ = dict(os.environ if environ is None else environ)
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def run(
        self,
        job_key: JobKey,
        spec: ClusterSpec,
        entrypoint: Entrypoint,
        *,
        on_phase: Callable[[Phase], None] = lambda phase: None,
    ) -> Iterator[Job]:
        """See `Clusters.run`.

        Raises:
            ClusterStartError: Ray could not be started; carries the end of its log.
        """
        patience = Patience(lost_after_s=LOST_AFTER_S, clock=self._clock, sleep=self._sleep)
        with (
            self._cluster(spec, holder=job_key.slug(), on_phase=on_phase) as head,
            JobsApi(head, quiet_s=QUIET_S) as api,
        ):
            job = submit_or_adopt(
                api, head, job_key, entrypoint, patience=patience, on_phase=on_phase
            )
            try:
                yield job
            except BaseException:
                # What the block raised is the news; a job that cannot be stopped now ends with its
                # cluster, which has lost its lease.
                with contextlib.suppress(PlatformError):
                    job.stop()
                raise

    def shutdown(self) -> None:
        """Stop every Ray of this home that no living process uses, and wait for the last process.

        Raises:
            ClusterStartError: a process cannot be stopped.
        """
        for folder in folders(self._home):
            stop_cluster(folder, clock=self._clock, sleep=self._sleep)

    @contextmanager
    def _cluster(
        self, spec: ClusterSpec, *, holder: str, on_phase: Callable[[Phase], None]
    ) -> Iterator[HeadAddress]:
        began = self._clock()
        folder = ClusterFolder(self._home / spec.spec_hash())
        folder.make()
        lease = folder.take_lease(holder)
        try:
            admission = Admission(
                folder, self._order(spec), self._environ, clock=self._clock, sleep=self._sleep
            )
            with folder.locked():
                head = admission.head()
            detail = "started" if admission.started else "adopted"
            on_phase(Phase(name="cluster", seconds=self._clock() - began, detail=detail))
            yield head
        finally:
            lease.unlink(missing_ok=True)

    def _order(self, spec: ClusterSpec) -> Order:
        return Order(
            spec_hash=spec.spec_hash(),
            spec=spec.model_dump(mode="json"),
            cpus=JOBS_AT_ONCE * (spec.head.cpus + spec.workers.count * spec.workers.cpus),
            object_store_bytes=OBJECT_STORE_BYTES,
            idle_timeout_s=self._idle_timeout_s,
            orphan_grace_s=self._orphan_grace_s,
            start_timeout_s=self._start_timeout_s,
        )
