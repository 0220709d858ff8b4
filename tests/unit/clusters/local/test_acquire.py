"""A user's way to a local Ray: adopt the one that is there, or have one started."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ml_platform.clusters.local.acquire import KEEPER_SILENT_S, LOST_AFTER_S, Acquisition
from ml_platform.clusters.local.folder import ClusterFolder, State
from ml_platform.errors import ClusterStartError
from ml_platform.processes import Identity, identity_of
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer
from tests.unit.clusters.local.scripted_time import ScriptedTime
from tests.unit.clusters.local.test_folder import REQUEST

DEAD = Identity(pid=1, started=-1.0)


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    folder = ClusterFolder(tmp_path / "abc")
    folder.make()
    return folder


@pytest.fixture
def time() -> ScriptedTime:
    return ScriptedTime()


class Keepers:
    """Starts keepers that are nothing but a process and a state."""

    def __init__(self, folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime) -> None:
        self.started = 0
        self.ready_after_s: float | None = 3.0
        self.fails_with = ""
        self.is_silent = False
        self._folder = folder
        self._server = server
        self._time = time
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, folder: ClusterFolder, environ: Mapping[str, str]) -> None:
        del environ
        self.started += 1
        if self.is_silent:
            folder.keeper_log.write_text("No module named psutil\n")
        elif self.fails_with:
            folder.write_state(self.state("failed", keeper=DEAD, reason=self.fails_with))
        else:
            state = self.publish("starting")
            if self.ready_after_s is not None:
                self._time.at(self._time.passed + self.ready_after_s, lambda: self.be_ready(state))

    def publish(self, phase: str) -> State:
        """A living keeper says that it is in this phase."""
        self._processes.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
        keeper = identity_of(self._processes[-1].pid)
        assert keeper is not None
        state = self.state(phase, keeper=keeper)
        self._folder.write_token(TOKEN)
        self._folder.write_state(state)
        return state

    def be_ready(self, state: State) -> None:
        self._server.failures = 0
        self._folder.write_state(replace(state, phase="ready"))

    def state(self, phase: str, *, keeper: Identity, reason: str = "") -> State:
        return State(
            phase=phase,  # type: ignore[arg-type]
            keeper=keeper,
            mark=f"mark {self.started}",
            temp_dir=str(self._folder.path / f"ray-{self.started}"),
            url=self._server.url,
            reason=reason,
        )

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def keepers(folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime) -> Iterator[Keepers]:
    keepers = Keepers(folder, server, time)
    yield keepers
    keepers.kill()


@pytest.fixture
def acquisition(folder: ClusterFolder, time: ScriptedTime, keepers: Keepers) -> Acquisition:
    return Acquisition(
        folder,
        replace(REQUEST, start_timeout_s=120),
        {},
        clock=time.clock,
        sleep=lambda seconds: time.sleep(10 * seconds),  # a tenth of the looks
        start=keepers.start,
    )


def test_a_ray_that_is_ready_is_adopted_at_once(
    acquisition: Acquisition, keepers: Keepers, server: RayJobsServer, time: ScriptedTime
) -> None:
    state = keepers.publish("ready")
    head = acquisition.head()
    assert (head.address.url, head.address.token) == (server.url, TOKEN)
    assert head.incarnation == state.mark
    assert (acquisition.started, keepers.started, time.passed) == (False, 0, 0)


def test_where_there_is_none_one_is_started_and_waited_for(
    acquisition: Acquisition, folder: ClusterFolder, keepers: Keepers, time: ScriptedTime
) -> None:
    assert acquisition.head().incarnation == "mark 1"
    assert (acquisition.started, keepers.started) == (True, 1)
    assert time.passed == pytest.approx(3, abs=2)
    request = folder.launch_request()
    assert request is not None
    assert request.start_timeout_s == 120


def test_one_that_is_starting_for_somebody_else_is_waited_for_and_adopted(
    acquisition: Acquisition, keepers: Keepers, time: ScriptedTime
) -> None:
    state = keepers.publish("starting")
    time.at(20, lambda: keepers.be_ready(state))
    assert acquisition.head().incarnation == state.mark
    assert not acquisition.started


def test_one_that_is_stopping_is_seen_off_and_another_started(
    acquisition: Acquisition, folder: ClusterFolder, keepers: Keepers, time: ScriptedTime
) -> None:
    state = keepers.publish("stopping")
    time.at(5, lambda: folder.forget(state))
    acquisition.head()
    assert (acquisition.started, keepers.started) == (True, 1)


@pytest.mark.parametrize("phase", ["ready", "starting", "stopping", "failed"])
def test_what_a_dead_keeper_left_is_removed_and_another_started(
    acquisition: Acquisition, folder: ClusterFolder, keepers: Keepers, phase: str
) -> None:
    left = keepers.state(phase, keeper=DEAD)
    Path(left.temp_dir).mkdir()
    folder.write_state(left)
    assert acquisition.head().incarnation == "mark 1"
    assert not Path(left.temp_dir).exists()


def test_one_that_cannot_be_started_is_named_with_its_reason_and_forgotten(
    acquisition: Acquisition, folder: ClusterFolder, keepers: Keepers
) -> None:
    keepers.fails_with = "Ray did not start (exit code 3): the port is taken"
    with pytest.raises(ClusterStartError, match="the port is taken") as raised:
        acquisition.head()
    assert str(folder.ray_out) in raised.value.hint
    assert (keepers.started, folder.state()) == (1, None)


def test_a_keeper_that_says_nothing_is_given_up_with_its_log(
    acquisition: Acquisition, keepers: Keepers, time: ScriptedTime
) -> None:
    keepers.is_silent = True
    with pytest.raises(ClusterStartError, match="No module named psutil"):
        acquisition.head()
    assert time.passed == pytest.approx(KEEPER_SILENT_S, abs=2)
    assert keepers.started == 1


def test_a_keeper_that_starts_for_ever_is_given_up(
    acquisition: Acquisition, keepers: Keepers, time: ScriptedTime
) -> None:
    keepers.ready_after_s = None
    with pytest.raises(ClusterStartError, match="did not become ready"):
        acquisition.head()
    assert time.passed == pytest.approx(120 + 2 * LOST_AFTER_S, abs=2)


def test_a_head_that_is_silent_for_a_while_is_waited_for(
    acquisition: Acquisition, keepers: Keepers, server: RayJobsServer, time: ScriptedTime
) -> None:
    state = keepers.publish("ready")
    server.failures = 10**6
    time.at(LOST_AFTER_S - 10, lambda: setattr(server, "failures", 0))
    assert acquisition.head().incarnation == state.mark
    assert keepers.started == 0


def test_a_head_that_stays_silent_is_stopped_and_another_started(
    acquisition: Acquisition, keepers: Keepers, server: RayJobsServer, time: ScriptedTime
) -> None:
    keepers.publish("ready")
    server.failures = 10**6
    assert acquisition.head().incarnation == "mark 1"
    assert keepers.started == 1
    assert LOST_AFTER_S <= time.passed <= LOST_AFTER_S + 60


def test_a_ray_that_ends_in_the_moment_of_its_adoption_is_followed_by_another(
    acquisition: Acquisition, folder: ClusterFolder, keepers: Keepers, time: ScriptedTime
) -> None:
    """Its token is gone already, its state not yet."""
    state = keepers.publish("ready")
    folder.token_file.unlink()
    time.at(1, lambda: folder.forget(state))
    assert acquisition.head().incarnation == "mark 1"
