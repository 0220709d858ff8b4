"""The local clusters of a home, as values; and how to stop one now."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.clusters.jobs.api import HeadAddress, JobDetails, JobsApi
from ml_platform.clusters.local.folder import ClusterFolder, State
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import ClusterError, ClusterStartError
from ml_platform.processes import is_alive, owned, send, stop_all

STOP_GRACE_S: Final = 8.0
KEEPER_STOP_S: Final = 30.0
POLL_S: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalCluster:
    """A local cluster as it is now.

    Attributes:
        spec_hash: Its name, and that of its folder.
        spec: What was asked for.
        phase: `starting`, `ready`, `stopping`, `failed`; `lost` if its keeper has died.
        url: Address of the dashboard; it asks for the token in `token_file`.
        token_file: Where the token is.
        keeper_pid: The keeper's process.
        pids: Ray's processes.
        users: Who holds a lease.
        idle_s: Seconds since it was last used; 0 while it is used.
        jobs: Its jobs; empty if it does not answer.
    """

    spec_hash: str
    spec: ClusterSpec
    phase: str
    url: str
    token_file: Path
    keeper_pid: int
    pids: tuple[int, ...]
    users: tuple[str, ...]
    idle_s: float
    jobs: tuple[JobDetails, ...]


def local_clusters(home: Path, *, now: Callable[[], float] = time.time) -> list[LocalCluster]:
    """The clusters of `home` that exist, or have left something behind."""
    found = []
    for folder in folders(home):
        state, order = folder.state(), folder.order()
        if state is None or order is None:
            continue
        alive = is_alive(state.keeper)
        users = tuple(folder.live_leases())
        found.append(
            LocalCluster(
                spec_hash=order.spec_hash,
                spec=ClusterSpec.model_validate(order.spec),
                phase=state.phase if alive or state.phase == "failed" else "lost",
                url=state.url,
                token_file=folder.token_file,
                keeper_pid=state.keeper.pid,
                pids=tuple(one.pid for one in owned(state.mark, state.ray)),
                users=users,
                # The keeper notes it now and then: a user of this moment is newer than that.
                idle_s=max(0.0, now() - state.quiet_since)
                if state.quiet_since and not users
                else 0.0,
                jobs=_jobs(folder, state) if alive and state.phase == "ready" else (),
            )
        )
    return found


def stop_local_cluster(home: Path, spec_hash: str) -> None:
    """Stop one cluster now, whoever uses it.

    Raises:
        ClusterStartError: a process cannot be stopped.
    """
    stop_cluster(ClusterFolder(home / spec_hash), even_if_used=True)


def folders(home: Path) -> list[ClusterFolder]:
    """The folders of all clusters that `home` has had."""
    return [ClusterFolder(path.parent) for path in sorted(home.glob("*/order.json"))]


def stop_cluster(
    folder: ClusterFolder,
    *,
    even_if_used: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Stop a cluster and wait for its last process; returns False if it is in use.

    Raises:
        ClusterStartError: a process cannot be stopped.
    """
    with folder.locked():
        if folder.live_leases() and not even_if_used:
            return False
        state = folder.state()
        if state is not None:
            stop_keeper(state, clock=clock, sleep=sleep)
        state = folder.state()
        if state is not None:
            clear_up(folder, state, clock=clock, sleep=sleep)
        return True


def stop_keeper(
    state: State,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Have the keeper stop its Ray and itself; a keeper that does not is killed."""
    send(state.keeper, signal.SIGTERM)
    deadline = clock() + KEEPER_STOP_S
    while is_alive(state.keeper) and clock() < deadline:
        sleep(POLL_S)
    send(state.keeper, signal.SIGKILL)


def clear_up(
    folder: ClusterFolder,
    state: State,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Remove what a dead keeper left: processes, temporary folder and state.

    Raises:
        ClusterStartError: a process cannot be stopped.
    """
    left = stop_all(state.mark, state.ray, grace_s=STOP_GRACE_S, clock=clock, sleep=sleep)
    if left:
        pids = " ".join(str(one.pid) for one in left)
        raise ClusterStartError(
            f"processes of an earlier Ray cannot be stopped: {pids}",
            hint=f"stop them with `kill -9 {pids}`, then run the step again.",
        )
    folder.forget(state)


def _jobs(folder: ClusterFolder, state: State) -> tuple[JobDetails, ...]:
    try:
        token = folder.token_file.read_text()
        with JobsApi(HeadAddress(url=state.url, token=token)) as api:
            return tuple(api.jobs())
    except (ClusterError, OSError):
        return ()
