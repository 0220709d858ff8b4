"""The process that owns a local Ray: starts it, watches over its users, and stops it.

    python -m ml_platform.clusters.local.keeper <folder>

It outlives the step that started it, so that the next step finds the Ray running, and it stops the
Ray when no living process holds a lease any more: no user has to clean up, or to survive. Dies the
keeper itself, the kernel tells Ray (Linux), and the next user removes what is left.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.local.folder import ClusterFolder, LaunchRequest, State
from ml_platform.clusters.local.inventory import STOP_GRACE_S
from ml_platform.clusters.local.lifetime import KeeperAction, Limits, Usage, keeper_action
from ml_platform.clusters.local.ray_process import (
    LOCALHOST,
    fork_server_command,
    free_port,
    make_temp_dir,
    start_command,
    start_environment,
    why_it_failed,
)
from ml_platform.errors import ClusterError, ClusterStartError
from ml_platform.processes import die_with_parent, identity_of, myself, stop_all

ROUND_S: Final = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Commands:
    """What a keeper starts: Ray's first process, which ends with it, and a fork server or none."""

    ray: list[str]
    fork_server: list[str] | None = None


def ray_commands(request: LaunchRequest, port: int, temp_dir: str) -> Commands:
    """Those of a real Ray whose dashboard listens on `port`."""
    return Commands(
        ray=start_command(request, port=port, temp_dir=temp_dir),
        fork_server=fork_server_command(temp_dir) if request.fork_server else None,
    )


class Keeper:
    """Starts one Ray and keeps it until it is not needed.

    Args:
        folder: The cluster's.
        request: What is to be started.
        commands: How it is started.
        port: A port for the dashboard.
        clock: Seconds that only grow.
        now: Seconds since 1970.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        folder: ClusterFolder,
        request: LaunchRequest,
        *,
        commands: Callable[[LaunchRequest, int, str], Commands] = ray_commands,
        port: Callable[[], int] = free_port,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._launch_request = request
        self._commands = commands
        self._port = port()
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._asked_to_stop = False
        self._child: subprocess.Popen[bytes] | None = None
        self._fork_server: subprocess.Popen[bytes] | None = None
        self._state = State(
            phase="starting",
            keeper=myself(),
            mark=secrets.token_hex(8),
            temp_dir=make_temp_dir(),
            url=f"http://{LOCALHOST}:{self._port}",
        )

    def keep(self) -> None:
        """Start Ray, serve until nobody needs it, and leave nothing behind."""
        for signal_number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, lambda *_: self._stop_soon())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        reason = ""
        try:
            self._folder.write_state(self._state)
            self._start()
            with JobsApi(self._head()) as api:
                self._wait_until_ready(api)
                self._serve(api)
        except ClusterStartError as error:
            reason = str(error)
        finally:
            self._end(reason)

    def _start(self) -> None:
        self._folder.write_token(secrets.token_hex(32))
        commands = self._commands(self._launch_request, self._port, self._state.temp_dir)
        environment = start_environment(
            os.environ,
            mark=self._state.mark,
            token_file=self._folder.token_file,
            temp_dir=self._state.temp_dir,
            fork_server=self._launch_request.fork_server,
        )
        with self._folder.ray_out.open("wb") as out:

            def start(one: list[str]) -> subprocess.Popen[bytes]:
                return subprocess.Popen(
                    one,
                    cwd=self._state.temp_dir,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )

            if commands.fork_server is not None:
                self._fork_server = start(commands.fork_server)
            self._child = start(commands.ray)
        self._publish(replace(self._state, ray=identity_of(self._child.pid)))

    def _wait_until_ready(self, api: JobsApi) -> None:
        deadline = self._clock() + self._launch_request.start_timeout_s
        while not self._asked_to_stop:
            with contextlib.suppress(ClusterError):
                if api.live_nodes():
                    self._publish(replace(self._state, phase="ready"))
                    return
            self._check_child("did not start")
            if self._clock() >= deadline:
                raise ClusterStartError(
                    f"Ray was not ready after {self._launch_request.start_timeout_s:.0f} s:\n"
                    + why_it_failed(self._state, self._folder.ray_out),
                    hint="the machine may be too busy: run the step again.",
                )
            self._sleep(ROUND_S)

    def _serve(self, api: JobsApi) -> None:
        limits = Limits(
            idle_timeout_s=self._launch_request.idle_timeout_s,
            orphan_grace_s=self._launch_request.orphan_grace_s,
        )
        attended = quiet = self._clock()
        was_used = True
        while not self._asked_to_stop:
            self._check_child("has ended")
            now = self._clock()
            leases = len(self._folder.live_leases())
            jobs = 0 if leases else _unfinished(api)
            attended = now if leases else attended
            quiet = now if leases or jobs else quiet
            used = bool(leases or jobs)
            if used != was_used:
                was_used = used
                since = 0.0 if used else self._now()
                self._publish(replace(self._state, quiet_since=since))
            seen = Usage(leases=leases, jobs=jobs, unattended_s=now - attended, quiet_s=now - quiet)
            if keeper_action(seen, limits) is not KeeperAction.KEEP and self._give_up():
                return
            self._sleep(ROUND_S)

    def _give_up(self) -> bool:
        """Close the door, unless somebody is coming in."""
        with self._folder.locked_if_free() as alone:
            if not alone or self._folder.live_leases():
                return False
            self._publish(replace(self._state, phase="stopping"))
            return True

    def _end(self, reason: str) -> None:
        if self._state.phase != "stopping":
            self._publish(replace(self._state, phase="stopping"))
        if self._fork_server is not None:
            self._fork_server.terminate()
        left = stop_all(
            self._state.mark,
            self._state.ray,
            grace_s=STOP_GRACE_S,
            clock=self._clock,
            sleep=self._sleep,
        )
        for child in (self._fork_server, self._child):
            if child is not None:
                child.wait()
        if left:
            _say(f"could not be stopped: {left}")
        elif reason:
            _say(reason)
            self._folder.forget(self._state)
            self._publish(replace(self._state, phase="failed", reason=reason))
        else:
            self._folder.forget(self._state)

    def _check_child(self, what_happened: str) -> None:
        if self._child is not None and self._child.poll() is not None:
            raise ClusterStartError(
                f"Ray {what_happened} (exit code {self._child.returncode}):\n"
                + why_it_failed(self._state, self._folder.ray_out),
                hint="run the step again; if it ends the same way, the log above says why.",
            )

    def _head(self) -> HeadAddress:
        return HeadAddress(url=self._state.url, token=self._folder.token_file.read_text())

    def _publish(self, state: State) -> None:
        self._state = state
        self._folder.write_state(state)

    def _stop_soon(self) -> None:
        self._asked_to_stop = True


def main(path: str) -> None:
    """Leave the process that started us, and keep the cluster of the folder `path`."""
    if os.fork():
        os._exit(0)  # who started us need not wait for us, nor reap us
    folder = ClusterFolder(Path(path))
    with folder.kept() as alone:
        request = folder.launch_request()
        if alone and request is not None:
            Keeper(folder, request).keep()


def _unfinished(api: JobsApi) -> int:
    try:
        return sum(not job.is_over for job in api.jobs())
    except ClusterError:
        return 1  # unknown: the orphan's grace, not the idle time, decides


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1])
