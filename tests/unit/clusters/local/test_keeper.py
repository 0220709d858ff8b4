"""The keeper of a local Ray, whose processes are doubles and whose clock only sleeping moves."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ml_platform.clusters.local.folder import ClusterFolder, State
from ml_platform.clusters.local.keeper import ROUND_S, Commands, Keeper
from ml_platform.processes import is_alive, owned
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.clusters.local.scripted_time import ScriptedTime
from tests.unit.clusters.local.test_folder import REQUEST

IDLE_S, GRACE_S, START_S = 30.0, 120.0, 60.0
LASTS = ["sleep", "600"]


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        server.token = None
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    folder = ClusterFolder(tmp_path / "abc")
    folder.make()
    return folder


@pytest.fixture
def time() -> ScriptedTime:
    return ScriptedTime()


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """A keeper is alone in its process; this one goes on."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def keeper(folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime) -> Keeper:
    return keeper_of(folder, server, time)


def keeper_of(
    folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime, *, ray: list[str] = LASTS
) -> Keeper:
    request = replace(
        REQUEST, idle_timeout_s=IDLE_S, orphan_grace_s=GRACE_S, start_timeout_s=START_S
    )
    return Keeper(
        folder,
        request,
        commands=lambda request, port, temp_dir: Commands(fork_server=LASTS, ray=ray),
        port=lambda: int(server.url.rpartition(":")[2]),
        clock=time.clock,
        now=time.clock,
        sleep=time.sleep,
    )


def seen(folder: ClusterFolder) -> State:
    state = folder.state()
    assert state is not None
    return state


def test_a_ray_is_starting_until_its_head_answers(
    keeper: Keeper, folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime
) -> None:
    server.failures = 20
    phases: list[str] = []
    time.at(2, lambda: phases.append(seen(folder).phase))
    time.at(10, lambda: phases.append(seen(folder).phase))
    keeper.keep()
    assert phases == ["starting", "ready"]


def test_a_dashboard_that_answers_before_its_node_has_joined_is_not_ready(
    keeper: Keeper, folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime
) -> None:
    server.node_states = ["DEAD"]
    phases: list[str] = []
    time.at(5, lambda: phases.append(seen(folder).phase))
    time.at(6, lambda: server.node_states.append("ALIVE"))
    time.at(10, lambda: phases.append(seen(folder).phase))
    keeper.keep()
    assert phases == ["starting", "ready"]


def test_an_unused_ray_is_stopped_after_its_idle_time_and_leaves_nothing(
    keeper: Keeper, folder: ClusterFolder, time: ScriptedTime
) -> None:
    states: list[State] = []
    time.at(5, lambda: states.append(seen(folder)))
    keeper.keep()
    assert time.passed == pytest.approx(IDLE_S, abs=4 * ROUND_S)
    (state,) = states
    assert not is_alive(state.ray)
    assert owned(state.mark, state.ray) == []
    assert not Path(state.temp_dir).exists()
    assert folder.state() is None
    assert not folder.token_file.exists()


def test_a_ray_in_use_is_kept_and_the_idle_time_begins_with_the_end_of_the_use(
    keeper: Keeper, folder: ClusterFolder, time: ScriptedTime
) -> None:
    lease = folder.take_lease("step")
    time.at(100, lease.unlink)
    keeper.keep()
    assert time.passed == pytest.approx(100 + IDLE_S, abs=4 * ROUND_S)


def test_since_when_nobody_uses_it_is_noted_and_forgotten_when_somebody_comes(
    keeper: Keeper, folder: ClusterFolder, time: ScriptedTime
) -> None:
    noted: list[float] = []
    leases: list[Path] = []
    time.at(10, lambda: noted.append(seen(folder).quiet_since))
    time.at(11, lambda: leases.append(folder.take_lease("step")))
    time.at(13, lambda: noted.append(seen(folder).quiet_since))
    time.at(20, lambda: leases[0].unlink())
    time.at(22, lambda: noted.append(seen(folder).quiet_since))
    keeper.keep()
    assert noted[0] == pytest.approx(1000, abs=1)
    assert noted[1] == 0
    assert noted[2] == pytest.approx(1020, abs=1)


def test_a_job_without_a_follower_is_kept_for_a_retry_until_the_grace_is_over(
    keeper: Keeper, server: RayJobsServer, time: ScriptedTime
) -> None:
    server.jobs["a"] = ScriptedJob(statuses=["RUNNING"])
    keeper.keep()
    assert time.passed == pytest.approx(GRACE_S, abs=4 * ROUND_S)


def test_the_idle_time_begins_when_an_unattended_job_ends(
    keeper: Keeper, server: RayJobsServer, time: ScriptedTime
) -> None:
    server.jobs["a"] = ScriptedJob(statuses=["RUNNING"])
    time.at(60, lambda: setattr(server.jobs["a"], "statuses", ["SUCCEEDED"]))
    keeper.keep()
    assert time.passed == pytest.approx(60 + IDLE_S, abs=4 * ROUND_S)


def test_a_follower_who_comes_back_begins_the_grace_anew(
    keeper: Keeper, folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime
) -> None:
    server.jobs["a"] = ScriptedJob(statuses=["RUNNING"])
    leases: list[Path] = []
    time.at(40, lambda: leases.append(folder.take_lease("retry")))
    time.at(60, lambda: leases[0].unlink())
    keeper.keep()
    assert time.passed == pytest.approx(60 + GRACE_S, abs=4 * ROUND_S)


def test_a_head_that_does_not_answer_may_have_a_job(
    keeper: Keeper, server: RayJobsServer, time: ScriptedTime
) -> None:
    time.at(5, lambda: setattr(server, "failures", 10**6))
    keeper.keep()
    assert time.passed == pytest.approx(GRACE_S, abs=4 * ROUND_S)


def test_a_ray_that_dies_is_known_within_a_round_and_says_how(
    keeper: Keeper, folder: ClusterFolder, time: ScriptedTime
) -> None:
    folder.take_lease("step")

    def kill() -> None:
        ray = seen(folder).ray
        assert ray is not None
        os.kill(ray.pid, signal.SIGKILL)
        os.waitid(os.P_PID, ray.pid, os.WEXITED | os.WNOWAIT)

    time.at(10, kill)
    keeper.keep()
    state = seen(folder)
    assert state.phase == "failed"
    assert "Ray has ended (exit code -9)" in state.reason
    assert time.passed <= 10 + 4 * ROUND_S
    assert owned(state.mark, state.ray) == []


def test_a_ray_that_ends_while_it_starts_says_what_it_wrote(
    folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime
) -> None:
    server.failures = 10**6
    speaks = ["sh", "-c", "echo the port is taken; exit 3"]
    keeper_of(folder, server, time, ray=speaks).keep()
    state = seen(folder)
    assert state.phase == "failed"
    assert "Ray did not start (exit code 3)" in state.reason
    assert "the port is taken" in state.reason


def test_a_ray_that_is_not_ready_in_time_is_stopped_and_says_so(
    keeper: Keeper, folder: ClusterFolder, server: RayJobsServer, time: ScriptedTime
) -> None:
    server.failures = 10**6
    keeper.keep()
    state = seen(folder)
    assert state.phase == "failed"
    assert "Ray was not ready after 60 s" in state.reason
    assert time.passed == pytest.approx(START_S, abs=4 * ROUND_S)
    assert owned(state.mark, state.ray) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_keeper_that_is_asked_to_stop_stops_its_ray_whoever_uses_it(
    keeper: Keeper, folder: ClusterFolder, time: ScriptedTime, number: int
) -> None:
    folder.take_lease("step")
    states: list[State] = []
    time.at(9, lambda: states.append(seen(folder)))
    time.at(10, lambda: os.kill(os.getpid(), number))
    keeper.keep()
    assert time.passed <= 10 + 4 * ROUND_S
    assert not is_alive(states[0].ray)
    assert folder.state() is None


def test_ctrl_c_in_the_terminal_is_not_for_the_keeper(keeper: Keeper, time: ScriptedTime) -> None:
    time.at(10, lambda: os.kill(os.getpid(), signal.SIGINT))
    keeper.keep()
    assert time.passed >= IDLE_S


def test_a_ray_is_not_stopped_under_somebody_who_is_coming_in(
    keeper: Keeper, folder: ClusterFolder, time: ScriptedTime
) -> None:
    coming_in = folder.locked()
    time.at(IDLE_S - 5, coming_in.__enter__)
    time.at(IDLE_S + 50, lambda: coming_in.__exit__(None, None, None))
    keeper.keep()
    assert IDLE_S + 50 <= time.passed <= IDLE_S + 52
