"""From a folder to a head that answers: adopt the Ray that is there, or have one started."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.local.folder import ClusterFolder, LaunchRequest, State
from ml_platform.clusters.local.inventory import clear_up, stop_keeper
from ml_platform.clusters.local.lifetime import Step, next_step
from ml_platform.clusters.local.ray_process import clean_environment, end_of
from ml_platform.errors import ClusterStartError, HeadUnreachableError
from ml_platform.processes import is_alive
from ml_platform.settings import PROJECT_ROOT

# A machine that does much else kept a healthy head silent for half a minute.
LOST_AFTER_S: Final = 90.0
POLL_S: Final = 0.1
# A keeper that has said nothing by then has died of an import or of a full disk.
KEEPER_SILENT_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyHead:
    """A head that answers, and which life of it that is."""

    address: HeadAddress
    incarnation: str


def start_keeper(folder: ClusterFolder, environ: Mapping[str, str]) -> None:
    """Start a keeper of the folder's cluster, and return; what it does is seen in the folder."""
    with folder.keeper_log.open("ab") as log:
        # A session of its own: Ctrl-C in the terminal is for the step, not for the keeper.
        subprocess.run(
            [sys.executable, "-m", "ml_platform.clusters.local.keeper", str(folder.path)],
            cwd=folder.path,
            env=clean_environment(environ) | {"PYTHONPATH": str(PROJECT_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )


class Acquisition:
    """One user's way to a cluster. Used while the folder is locked, so one user at a time.

    Args:
        folder: The cluster's.
        request: What is wanted.
        environ: The environment that a keeper inherits, see `clean_environment`.
        clock: Seconds that only grow.
        sleep: Waits for some seconds.
        start: Starts a keeper.

    Attributes:
        started: Whether the cluster was started for this user.
    """

    def __init__(
        self,
        folder: ClusterFolder,
        request: LaunchRequest,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        start: Callable[[ClusterFolder, Mapping[str, str]], None] = start_keeper,
    ) -> None:
        self.started = False
        self._folder = folder
        self._launch_request = request
        self._environ = environ
        self._clock = clock
        self._sleep = sleep
        self._start = start
        self._asked_at = 0.0
        self._silent_since: float | None = None

    def head(self) -> ReadyHead:
        """The head of a cluster that answers.

        Raises:
            ClusterStartError: it never became ready; carries the end of the log that says why.
        """
        # Long enough to see an old cluster off and a new one in.
        deadline = self._clock() + self._launch_request.start_timeout_s + 2 * LOST_AFTER_S
        while self._clock() < deadline:
            head = self._advance()
            if head is not None:
                return head
            self._sleep(POLL_S)
        raise self._no_keeper("did not become ready")

    def _advance(self) -> ReadyHead | None:
        state = self._folder.state()
        if state is None:
            self._start_once()
            return None
        step = next_step(
            state.phase, keeper_alive=is_alive(state.keeper), started_by_us=self.started
        )
        match step:
            case Step.ADOPT:
                return self._adopt(state)
            case Step.CLEAR:
                clear_up(self._folder, state, clock=self._clock, sleep=self._sleep)
                self.started = False
            case Step.FAIL:
                self._folder.forget(state)
                raise ClusterStartError(
                    f"Ray could not be started on this machine: {state.reason}",
                    hint=f"its output is in {self._folder.ray_out}; then run the step again.",
                )
            case Step.WAIT:
                pass
        return None

    def _adopt(self, state: State) -> ReadyHead | None:
        try:
            token = self._folder.token_file.read_text()
        except FileNotFoundError:
            return None  # it has ended meanwhile: its state goes next
        head = HeadAddress(url=state.url, token=token)
        try:
            with JobsApi(head) as api:
                api.jobs()
        except HeadUnreachableError:
            now = self._clock()
            self._silent_since = now if self._silent_since is None else self._silent_since
            if now - self._silent_since >= LOST_AFTER_S:
                stop_keeper(state, clock=self._clock, sleep=self._sleep)
            return None
        return ReadyHead(address=head, incarnation=state.mark)

    def _start_once(self) -> None:
        if self.started:
            if self._clock() - self._asked_at >= KEEPER_SILENT_S:
                raise self._no_keeper("did not start")
            return
        self._folder.write_launch_request(self._launch_request)
        self._start(self._folder, self._environ)
        self.started = True
        self._asked_at = self._clock()

    def _no_keeper(self, what_happened: str) -> ClusterStartError:
        return ClusterStartError(
            f"the keeper of a local Ray {what_happened}:\n{end_of(self._folder.keeper_log)}",
            hint="`mlp doctor` shows the clusters of this machine.",
        )
