"""The local clusters of a home, as values; and how to stop one now."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ml_platform.clusters.interface import ClusterView, HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.local.folder import ClusterFolder, State
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import ClusterError, ClusterStartError
from ml_platform.processes import is_alive, owned, send, stop_all

KIND: Final = "local"
STOP_GRACE_S: Final = 8.0
KEEPER_STOP_S: Final = 30.0
POLL_S: Final = 0.1


def view_of(
    folder: ClusterFolder, *, now: Callable[[], float] = time.time, with_jobs: bool = True
) -> ClusterView:
    """A local cluster as it is now; `absent` where nothing of it is left."""
    state, request = folder.state(), folder.launch_request()
    spec = ClusterSpec.model_validate(request.spec) if request is not None else None
    name = folder.path.name
    if state is None:
        return ClusterView(name=name, provisioner=KIND, phase="absent", spec=spec)
    alive = is_alive(state.keeper)
    users = tuple(folder.live_leases())
    ready = alive and state.phase == "ready"
    return ClusterView(
        name=name,
        provisioner=KIND,
        phase=state.phase if alive or state.phase == "failed" else "lost",
        spec=spec,
        incarnation=state.mark,
        reason=state.reason,
        url=state.url,
        users=users,
        # The keeper notes it now and then: a user of this moment is newer than that.
        idle_s=max(0.0, now() - state.quiet_since) if state.quiet_since and not users else 0.0,
        jobs=_jobs(folder, state) if ready and with_jobs else (),
        details={
            "keeper": str(state.keeper.pid),
            "processes": " ".join(str(one.pid) for one in owned(state.mark, state.ray)),
            "token_file": str(folder.token_file),
        }
        if with_jobs
        else {},
    )


def local_clusters(home: Path, *, now: Callable[[], float] = time.time) -> list[ClusterView]:
    """The clusters of `home` that exist, or have left something behind."""
    views = (view_of(folder, now=now) for folder in folders(home))
    return [view for view in views if view.phase != "absent"]


def folders(home: Path) -> list[ClusterFolder]:
    """The folders of all clusters that `home` has had."""
    return [ClusterFolder(path.parent) for path in sorted(home.glob("*/launch.json"))]


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


def clear_if_lost(
    folder: ClusterFolder,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Remove what a cluster left whose keeper is dead; one that lives is left alone.

    Raises:
        ClusterStartError: a process cannot be stopped.
    """
    with folder.locked():
        state = folder.state()
        if state is not None and not is_alive(state.keeper) and state.phase != "failed":
            clear_up(folder, state, clock=clock, sleep=sleep)


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


def _jobs(folder: ClusterFolder, state: State) -> tuple[str, ...]:
    try:
        token = folder.token_file.read_text()
        with JobsApi(HeadAddress(url=state.url, token=token)) as api:
            return tuple(job.submission_id for job in api.jobs() if not job.is_over)
    except (ClusterError, OSError):
        return ()
