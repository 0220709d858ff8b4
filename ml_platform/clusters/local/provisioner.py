"""Clusters on this machine: a Ray per cluster spec, shared by steps and stopped when unused.

Its life is the keeper's business (`keeper`); a user takes a lease, starts a keeper if there is
none, and submits over HTTP as to any other head.
"""

import hashlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ml_platform.clusters.interface import (
    JOB_START_S,
    Cluster,
    ClusterRequest,
    ClusterView,
    JobKey,
    JobRuntime,
    Provisioner,
    Reaped,
    RunEnd,
)
from ml_platform.clusters.local.acquire import LOST_AFTER_S, Acquisition
from ml_platform.clusters.local.folder import ClusterFolder, LaunchRequest
from ml_platform.clusters.local.inventory import (
    KIND,
    clear_if_lost,
    folders,
    local_clusters,
    stop_cluster,
    view_of,
)
from ml_platform.clusters.local.ray_process import driver_python, job_environment
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import ClusterLostError
from ml_platform.xray.records import Recorder

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
# Rounds of the keeper, the stopping itself, and a machine that does much else.
KEEPER_MARGIN_S: Final = 60.0


class LocalProvisioner(Provisioner):
    """A Ray on this machine per cluster spec.

    CPUs are logical: a spec may ask for more than the machine has, and its processes share them; so
    do the jobs that run at once.

    Args:
        home: Folder for state, locks and logs.
        idle_timeout_s: How long an unused Ray is kept.
        orphan_grace_s: How long a job whose follower died is kept for a retry to adopt it.
        start_timeout_s: How long Ray may take to start.
        job_start_timeout_s: How long a submitted job may be pending.
        fork_server: Whether workers and drivers are forked from a process that has imported torch,
            see `fork_server`. It holds on to private parts of Ray and Python: for a laptop, where
            somebody waits for each training. Linux only; elsewhere there is none.
        environ: The environment that Ray and its jobs inherit, but for variables of Ray, Dagster
            and the platform: those an entry point has to ask for.
        clock: Seconds that only grow.
        sleep: Waits for some seconds.
    """

    kind = KIND

    def __init__(
        self,
        home: Path,
        *,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        orphan_grace_s: float = ORPHAN_GRACE_S,
        start_timeout_s: float = START_TIMEOUT_S,
        job_start_timeout_s: float = JOB_START_S,
        fork_server: bool = False,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._home = home.resolve()
        self._idle_timeout_s = idle_timeout_s
        self._orphan_grace_s = orphan_grace_s
        self._start_timeout_s = start_timeout_s
        self._job_start_timeout_s = job_start_timeout_s
        self.fork_server = fork_server and sys.platform == "linux"
        self._environ = dict(os.environ if environ is None else environ)
        self._clock = clock
        self._sleep = sleep

    @property
    def place(self) -> str:
        """This machine and home; nobody elsewhere sees its Rays."""
        return f"{socket.gethostname()}:{hashlib.sha256(bytes(self._home)).hexdigest()[:8]}"

    @property
    def abandoned_after_s(self) -> float:
        """See `Provisioner.abandoned_after_s`: the keeper ends a job that nobody comes back for."""
        return self._orphan_grace_s + KEEPER_MARGIN_S

    def cluster_name(self, key: JobKey, attempt: int, spec: ClusterSpec) -> str:
        """The spec's hash: equal specs share a Ray."""
        del key, attempt
        return spec.spec_hash()

    @contextmanager
    def acquire(self, request: ClusterRequest, recorder: Recorder) -> Iterator[Cluster]:
        """See `Provisioner.acquire`.

        Raises:
            ClusterStartError: Ray could not be started; carries the end of its log.
            ClusterLostError: the incarnation that was asked for is gone.
        """
        folder = ClusterFolder(self._home / request.name)
        folder.make()
        lease = folder.take_lease(request.holder)
        try:
            acquisition = Acquisition(
                folder,
                self._launch_request(request.spec),
                self._environ,
                clock=self._clock,
                sleep=self._sleep,
            )
            with recorder.phase("cluster") as phase, folder.locked():
                if request.incarnation:
                    _require(request.incarnation, view_of(folder, with_jobs=False))
                ready = acquisition.head()
                phase.detail = "started" if acquisition.started else "adopted"

            def is_gone() -> bool:
                now = view_of(folder, with_jobs=False)
                return now.is_gone or now.incarnation != ready.incarnation

            yield Cluster(
                name=request.name,
                head=ready.address,
                runtime=JobRuntime(
                    python=driver_python(fork_server=self.fork_server),
                    env=job_environment(self._environ),
                ),
                incarnation=ready.incarnation,
                is_gone=is_gone,
                lost_after_s=LOST_AFTER_S,
                quiet_s=QUIET_S,
                job_start_s=self._job_start_timeout_s,
            )
        finally:
            lease.unlink(missing_ok=True)

    def look(self, name: str) -> ClusterView:
        """See `Provisioner.look`."""
        return view_of(ClusterFolder(self._home / name))

    def inventory(self) -> list[ClusterView]:
        """See `Provisioner.inventory`."""
        return local_clusters(self._home)

    def clear(self, name: str) -> None:
        """Remove what a dead keeper left: processes, temporary folder and state.

        Raises:
            ClusterStartError: a process cannot be stopped.
        """
        folder = ClusterFolder(self._home / name)
        if folder.path.is_dir():
            clear_if_lost(folder, clock=self._clock, sleep=self._sleep)

    def stop(self, name: str) -> None:
        """See `Provisioner.stop`.

        Raises:
            ClusterStartError: a process cannot be stopped.
        """
        folder = ClusterFolder(self._home / name)
        if folder.path.is_dir():
            stop_cluster(folder, even_if_used=True, clock=self._clock, sleep=self._sleep)

    def reap(self, run_ended_s: RunEnd, *, dry_run: bool) -> Iterator[Reaped]:
        """Nothing: a keeper ends its Ray when no living process uses it."""
        del run_ended_s, dry_run
        return iter(())

    def shutdown(self) -> None:
        """Stop every Ray of this home that no living process uses, and wait for the last process.

        Raises:
            ClusterStartError: a process cannot be stopped.
        """
        for folder in folders(self._home):
            stop_cluster(folder, clock=self._clock, sleep=self._sleep)

    def _launch_request(self, spec: ClusterSpec) -> LaunchRequest:
        return LaunchRequest(
            spec_hash=spec.spec_hash(),
            spec=spec.model_dump(mode="json"),
            cpus=JOBS_AT_ONCE * spec.cpus,
            object_store_bytes=OBJECT_STORE_BYTES,
            idle_timeout_s=self._idle_timeout_s,
            orphan_grace_s=self._orphan_grace_s,
            start_timeout_s=self._start_timeout_s,
            fork_server=self.fork_server,
        )


def _require(incarnation: str, view: ClusterView) -> None:
    if view.is_gone or view.incarnation != incarnation:
        raise ClusterLostError(
            f"the Ray {view.name} of this job has ended",
            hint="run the step again: it goes on from the last checkpoint.",
        )
