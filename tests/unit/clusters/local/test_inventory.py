"""What exists of a home's Rays, and how one is stopped."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ml_platform.clusters.local.folder import ClusterFolder, State
from ml_platform.clusters.local.inventory import (
    KEEPER_STOP_S,
    clear_if_lost,
    local_clusters,
    stop_cluster,
    view_of,
)
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.processes import Identity, identity_of, myself
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer, ScriptedJob
from tests.unit.clusters.local.scripted_time import ScriptedTime
from tests.unit.clusters.local.test_folder import REQUEST, STATE

DEAD = Identity(pid=1, started=-1.0)
SPEC = ClusterSpec(workers=WorkerGroup(count=2))
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def folder(home: Path) -> ClusterFolder:
    folder = ClusterFolder(home / SPEC.spec_hash())
    folder.make()
    folder.write_launch_request(replace(REQUEST, spec=SPEC.model_dump(mode="json")))
    return folder


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


@pytest.fixture
def time() -> ScriptedTime:
    return ScriptedTime()


@pytest.fixture
def keeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def keep(folder: ClusterFolder, keeper: Identity, **state: object) -> State:
    """A keeper says how its Ray is."""
    temp_dir = folder.path / "ray"
    temp_dir.mkdir()
    found = replace(STATE, keeper=keeper, ray=None, temp_dir=str(temp_dir), **state)  # type: ignore[arg-type]
    folder.write_token(TOKEN)
    folder.write_state(found)
    return found


def identity(process: "subprocess.Popen[bytes]") -> Identity:
    found = identity_of(process.pid)
    assert found is not None
    return found


def test_a_home_without_rays_has_none(home: Path) -> None:
    assert local_clusters(home) == []
    assert local_clusters(home / "not made yet") == []


def test_a_ray_that_left_nothing_behind_is_absent(folder: ClusterFolder, home: Path) -> None:
    view = view_of(folder)
    assert (view.phase, view.spec, view.is_gone) == ("absent", SPEC, True)
    assert local_clusters(home) == []


def test_a_ray_that_is_ready_shows_its_spec_users_and_unfinished_jobs(
    folder: ClusterFolder, home: Path, server: RayJobsServer
) -> None:
    server.jobs = {
        "runs": ScriptedJob(statuses=["RUNNING"]),
        "is over": ScriptedJob(statuses=["SUCCEEDED"]),
    }
    state = keep(folder, myself(), url=server.url)
    folder.take_lease("flight-delay")
    (view,) = local_clusters(home)
    assert (view.name, view.provisioner, view.phase) == (SPEC.spec_hash(), "local", "ready")
    assert (view.spec, view.incarnation, view.url) == (SPEC, state.mark, server.url)
    assert view.users == (f"flight-delay (process {myself().pid})",)
    assert view.jobs == ("runs",)
    assert view.details["token_file"] == str(folder.token_file)
    assert not view.is_gone


def test_jobs_of_a_head_that_does_not_answer_are_not_known_and_fail_no_listing(
    folder: ClusterFolder, home: Path
) -> None:
    keep(folder, myself(), url="http://127.0.0.1:1")
    (view,) = local_clusters(home)
    assert (view.phase, view.jobs) == ("ready", ())


def test_whether_a_ray_is_there_is_known_without_asking_its_head(
    folder: ClusterFolder, server: RayJobsServer
) -> None:
    keep(folder, myself(), url=server.url)
    assert view_of(folder, with_jobs=False).phase == "ready"
    assert server.requests == []


@pytest.mark.parametrize("phase", ["starting", "ready", "stopping"])
def test_a_ray_whose_keeper_is_dead_is_lost(folder: ClusterFolder, phase: str) -> None:
    keep(folder, DEAD, phase=phase)
    view = view_of(folder)
    assert (view.phase, view.is_gone) == ("lost", True)


def test_a_ray_that_failed_keeps_its_reason(folder: ClusterFolder) -> None:
    keep(folder, DEAD, phase="failed", reason="the port is taken")
    view = view_of(folder)
    assert (view.phase, view.reason, view.is_gone) == ("failed", "the port is taken", True)


def test_an_unused_ray_says_for_how_long_and_one_in_use_does_not(
    folder: ClusterFolder, time: ScriptedTime
) -> None:
    keep(folder, myself(), url="http://127.0.0.1:1", quiet_since=990.0)
    assert view_of(folder, now=time.clock).idle_s == 10
    folder.take_lease("step")
    assert view_of(folder, now=time.clock).idle_s == 0


def test_a_clock_that_was_set_back_makes_no_negative_idle_time(
    folder: ClusterFolder, time: ScriptedTime
) -> None:
    keep(folder, myself(), url="http://127.0.0.1:1", quiet_since=2000.0)
    assert view_of(folder, now=time.clock).idle_s == 0


def test_a_ray_in_use_is_not_stopped_unless_a_person_says_so(
    folder: ClusterFolder, keeper: "subprocess.Popen[bytes]", time: ScriptedTime
) -> None:
    keep(folder, identity(keeper))
    folder.take_lease("step")
    assert not stop_cluster(folder, clock=time.clock, sleep=time.sleep)
    assert keeper.poll() is None
    assert stop_cluster(folder, even_if_used=True, clock=time.clock, sleep=time.sleep)
    assert keeper.wait() == -signal.SIGTERM


def test_stopping_leaves_nothing_behind(
    folder: ClusterFolder, home: Path, keeper: "subprocess.Popen[bytes]", time: ScriptedTime
) -> None:
    state = keep(folder, identity(keeper))
    assert stop_cluster(folder, clock=time.clock, sleep=time.sleep)
    assert local_clusters(home) == []
    assert not Path(state.temp_dir).exists()
    assert not folder.token_file.exists()
    assert stop_cluster(folder, clock=time.clock, sleep=time.sleep)


def test_a_keeper_that_does_not_stop_is_killed_after_half_a_minute(
    folder: ClusterFolder, time: ScriptedTime
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", f"{DEAF} time.sleep(600)"], stdout=subprocess.PIPE
    ) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        keep(folder, identity(deaf))
        stop_cluster(folder, clock=time.clock, sleep=time.sleep)
        assert deaf.wait() == -signal.SIGKILL
    assert KEEPER_STOP_S <= time.passed <= KEEPER_STOP_S + 1


def test_what_a_dead_keeper_left_is_cleared(folder: ClusterFolder, time: ScriptedTime) -> None:
    state = keep(folder, DEAD)
    clear_if_lost(folder, clock=time.clock, sleep=time.sleep)
    assert folder.state() is None
    assert not Path(state.temp_dir).exists()


def test_a_ray_that_lives_is_not_cleared_and_one_that_failed_keeps_its_reason(
    folder: ClusterFolder, time: ScriptedTime
) -> None:
    state = keep(folder, myself())
    clear_if_lost(folder, clock=time.clock, sleep=time.sleep)
    assert folder.state() == state
    failed = replace(state, keeper=DEAD, phase="failed")
    folder.write_state(failed)
    clear_if_lost(folder, clock=time.clock, sleep=time.sleep)
    assert folder.state() == failed
