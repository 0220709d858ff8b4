"""The local provisioner with a real Ray: what is shared, what is adopted, what is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from ml_platform.clusters.interface import ClusterView, Entrypoint, HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.jobs.job import JobOutcome
from ml_platform.clusters.local.folder import ClusterFolder, State
from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.errors import ClusterLostError, ClusterStartError
from ml_platform.processes import is_alive, owned
from ml_platform.settings import PROJECT_ROOT
from ml_platform.xray.records import Event, Recorder
from tests.support.ray_jobs.step import SPEC, TALKER, acquired, key, running

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Home of the Ray that most tests share."""
    home = tmp_path_factory.mktemp("shared")
    yield home
    LocalProvisioner(home).stop(SPEC.spec_hash())


@pytest.fixture
def clusters(home: Path) -> LocalProvisioner:
    return LocalProvisioner(home, idle_timeout_s=60, orphan_grace_s=60)


Steps = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_step() -> Iterator[Steps]:
    """Starts steps in processes and sessions of their own."""
    started: list[subprocess.Popen[str]] = []

    def start(home: Path, partition: str, *talk: str, idle: int = 60, grace: int = 60) -> object:
        command = (sys.executable, "-m", "tests.support.ray_jobs.step", str(home))
        step = subprocess.Popen(
            [*command, str(idle), str(grace), partition, *talk],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Tests that run in the background of a shell inherit that interrupts are ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(step)
        return step

    yield start  # type: ignore[misc]
    for step in started:
        step.kill()
        step.wait()
        assert step.stdout is not None
        step.stdout.close()


def talk(*arguments: str, file: Path | None = None) -> Entrypoint:
    return Entrypoint(
        module=TALKER, arguments=arguments, env={"TALKER_FILE": str(file)} if file else {}
    )


UP = talk("0", "0")
"""Of a job that makes sure that the Ray is up: run once, and adopted from then on."""


def run(clusters: LocalProvisioner, partition: str, entrypoint: Entrypoint) -> JobOutcome:
    with running(clusters, partition, entrypoint) as job:
        return job.follow(on_log=ignore)


def ignore(line: str) -> None:
    del line


def read_until(step: subprocess.Popen[str], wanted: str) -> list[str]:
    """The step's output up to the line `wanted`; fails if it ends before."""
    assert step.stdout is not None
    lines = []
    guard = threading.Timer(90, step.kill)  # ends the output of a step that hangs
    guard.start()
    for line in step.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1] == wanted:
            guard.cancel()
            return lines
    raise AssertionError(f"{wanted!r} never came: {lines}")


def wait_until(condition: Callable[[], bool], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.1)


def state_of(home: Path) -> State:
    state = ClusterFolder(home / SPEC.spec_hash()).state()
    assert state is not None
    return state


def only_cluster(home: Path) -> ClusterView:
    (cluster,) = LocalProvisioner(home).inventory()
    return cluster


def job_status(home: Path, submission_id: str) -> str:
    token = ClusterFolder(home / SPEC.spec_hash()).token_file.read_text()
    with JobsApi(HeadAddress(url=state_of(home).url, token=token)) as api:
        details = api.job(submission_id)
    assert details is not None
    return details.status


def nothing_left(state: State) -> bool:
    """No process by mark, session, descent or command line."""
    named = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(state.temp_dir in word for word in process.info["cmdline"] or [])
    ]
    return not (owned(state.mark, state.ray) or named or is_alive(state.keeper))


def test_two_steps_that_start_at_once_share_one_ray(home: Path, start_step: Steps) -> None:
    LocalProvisioner(home).shutdown()
    steps = [start_step(home, f"at-once-{n}", "0", "0") for n in (1, 2)]
    outputs = [read_until(step, "outcome succeeded") for step in steps]
    assert sorted(output[1] for output in outputs) == [
        "cluster ended adopted",
        "cluster ended started",
    ]


def test_a_job_streams_its_log_and_succeeds(clusters: LocalProvisioner) -> None:
    lines: list[str] = []
    events: list[Event] = []
    long = "x" * 50_000
    spoken = talk("0", "0", "hello", long, "bye")
    with running(clusters, "logs", spoken, Recorder(events.append)) as job:
        outcome = job.follow(on_log=lines.append)
    assert (outcome.status, outcome.adopted) == ("succeeded", False)
    assert lines[-3:] == ["hello", long, "bye"]
    assert [(one.name, one.state) for one in events] == [
        (phase, state)
        for phase in ("cluster", "submit", "pending", "running")
        for state in ("began", "ended")
    ]


def test_two_partitions_share_one_ray(clusters: LocalProvisioner, home: Path) -> None:
    run(clusters, "up", UP)
    before = state_of(home)
    events: list[Event] = []
    with running(clusters, "shared", talk("0", "0"), Recorder(events.append)) as job:
        job.follow(on_log=ignore)
    assert state_of(home).ray == before.ray
    assert (events[1].name, events[1].detail) == ("cluster", "adopted")
    assert events[1].seconds is not None
    assert events[1].seconds < 1


def test_a_finished_job_is_returned_and_not_run_again(
    clusters: LocalProvisioner, tmp_path: Path
) -> None:
    entrypoint = talk("0", "0", file=tmp_path / "runs")
    first = run(clusters, "finished", entrypoint)
    again = run(clusters, "finished", entrypoint)
    assert (again.submission_id, again.status) == (first.submission_id, "succeeded")
    assert again.adopted
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_a_failed_job_is_returned_and_not_run_again(
    clusters: LocalProvisioner, tmp_path: Path
) -> None:
    entrypoint = talk("3", "0", "no such column", file=tmp_path / "runs")
    first = run(clusters, "failing", entrypoint)
    second = run(clusters, "failing", entrypoint)
    assert (first.status, second.status) == ("failed", "failed")
    assert "no such column" in first.message
    assert (second.submission_id, second.adopted) == (first.submission_id, True)
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_an_interrupt_in_the_block_stops_the_job(clusters: LocalProvisioner, home: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        running(clusters, "interrupted", talk("0", "60", "running")) as job,
    ):
        raise KeyboardInterrupt
    assert job_status(home, job.submission_id) == "STOPPED"


def test_a_job_that_runs_beyond_its_limit_is_stopped(
    clusters: LocalProvisioner, home: Path
) -> None:
    with running(clusters, "overdue", talk("0", "600", "hello")) as job:
        outcome = job.follow(on_log=ignore, limit_s=lambda: 1)
        assert (outcome.status, job_status(home, job.submission_id)) == ("overdue", "STOPPED")


def test_a_retried_step_adopts_the_running_job_of_a_step_that_was_killed(
    clusters: LocalProvisioner, home: Path, tmp_path: Path, start_step: Steps
) -> None:
    step = start_step(home, "killed", "0", "8", "hello")
    read_until(step, "hello")
    step.kill()
    step.wait()
    lines: list[str] = []
    with running(clusters, "killed", talk("0", "0", file=tmp_path / "runs")) as job:
        outcome = job.follow(on_log=lines.append)
    assert (outcome.status, outcome.adopted) == ("succeeded", True)
    assert lines.count("hello") == 1
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_ends_the_step_and_its_job_but_not_the_shared_ray(
    clusters: LocalProvisioner, home: Path, start_step: Steps
) -> None:
    run(clusters, "up", UP)
    before = state_of(home)
    step = start_step(home, "ctrl-c", "0", "60", "hello")
    read_until(step, "hello")
    os.killpg(step.pid, signal.SIGINT)
    assert step.wait(timeout=90) != 0
    assert job_status(home, key("ctrl-c").submission_id(1)) == "STOPPED"
    assert state_of(home).ray == before.ray


def test_the_dashboard_refuses_a_request_without_the_token(
    clusters: LocalProvisioner, home: Path
) -> None:
    run(clusters, "up", UP)
    url = state_of(home).url
    assert httpx.get(f"{url}/api/jobs/", trust_env=False).status_code == 401


def addresses_listened_on(pid: int) -> set[str]:
    """None for a process that has ended meanwhile: Ray's workers come and go."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return set()
    return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}


def test_ray_listens_on_this_machine_only(clusters: LocalProvisioner, home: Path) -> None:
    run(clusters, "up", UP)
    pids = map(int, only_cluster(home).details["processes"].split())
    listening = {address for pid in pids for address in addresses_listened_on(pid)}
    assert listening == {"127.0.0.1", "::ffff:127.0.0.1"}


def test_a_cluster_shows_who_uses_it_and_what_it_runs(
    clusters: LocalProvisioner, home: Path
) -> None:
    with running(clusters, "shown", talk("0", "60", "hello")) as job:
        cluster = only_cluster(home)
        job.stop()
    assert (cluster.phase, cluster.spec, cluster.idle_s) == ("ready", SPEC, 0)
    assert cluster.users == (f"{key('shown').slug()} (process {os.getpid()})",)
    assert cluster.jobs == (job.submission_id,)
    assert only_cluster(home).jobs == ()


def test_a_cluster_in_use_knows_that_its_head_has_ended(tmp_path: Path) -> None:
    provisioner = LocalProvisioner(tmp_path, idle_timeout_s=60)
    with acquired(provisioner, "head", Recorder()) as cluster:
        assert not cluster.is_gone()
        assert provisioner.look(cluster.name).incarnation == cluster.incarnation
        os.kill(state_of(tmp_path).keeper.pid, signal.SIGKILL)
        wait_until(cluster.is_gone, within_s=5)
    provisioner.shutdown()


def test_a_follower_of_a_killed_ray_is_told_within_seconds(tmp_path: Path) -> None:
    provisioner = LocalProvisioner(tmp_path, idle_timeout_s=60)
    killed_at: list[float] = []

    def kill(line: str) -> None:
        ray = state_of(tmp_path).ray
        assert ray is not None
        os.killpg(ray.pid, signal.SIGKILL)
        killed_at.append(time.monotonic())

    with (
        pytest.raises(ClusterLostError, match="has ended"),
        running(provisioner, "told", talk("0", "600", "hello")) as job,
    ):
        job.follow(on_log=kill)
    assert time.monotonic() - killed_at[0] < 20
    provisioner.shutdown()


def test_shutting_down_spares_a_cluster_in_use_and_leaves_nothing_of_an_unused_one(
    clusters: LocalProvisioner, home: Path
) -> None:
    with running(clusters, "up", UP):
        clusters.shutdown()
        assert only_cluster(home).phase == "ready"
    state = state_of(home)
    clusters.shutdown()
    assert nothing_left(state)
    assert not Path(state.temp_dir).exists()
    assert clusters.inventory() == []


def test_a_killed_keeper_takes_its_ray_along_and_the_next_step_starts_anew(
    clusters: LocalProvisioner, home: Path, start_step: Steps
) -> None:
    with running(clusters, "before-kill", talk("0", "600")):
        first = state_of(home)
        os.kill(first.keeper.pid, signal.SIGKILL)
        wait_until(lambda: nothing_left(first), within_s=20)
        assert only_cluster(home).phase == "lost"
        step = start_step(home, "after-kill", "0", "600", "hello", idle=2, grace=4)
        assert read_until(step, "hello")[1] == "cluster ended started"
    second = state_of(home)
    assert second.mark != first.mark
    assert not Path(first.temp_dir).exists()


def test_what_a_dead_keeper_left_is_cleared_and_what_lives_is_not(tmp_path: Path) -> None:
    provisioner = LocalProvisioner(tmp_path, idle_timeout_s=60)
    with acquired(provisioner, "cleared", Recorder()) as cluster:
        provisioner.clear(cluster.name)
        assert provisioner.look(cluster.name).phase == "ready"
        state = state_of(tmp_path)
        os.kill(state.keeper.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(state.keeper), within_s=5)
        provisioner.clear(cluster.name)
    assert nothing_left(state)
    assert not Path(state.temp_dir).exists()
    assert provisioner.look(cluster.name).phase == "absent"


def test_a_cluster_is_stopped_by_its_name_whoever_uses_it(tmp_path: Path) -> None:
    provisioner = LocalProvisioner(tmp_path, idle_timeout_s=60)
    with acquired(provisioner, "stopped", Recorder()) as cluster:
        state = state_of(tmp_path)
        provisioner.stop(cluster.name)
        assert nothing_left(state)
        assert cluster.is_gone()
    assert provisioner.inventory() == []


def test_a_step_that_is_killed_leaves_no_ray_after_the_grace(
    tmp_path: Path, start_step: Steps
) -> None:
    step = start_step(tmp_path, "orphan", "0", "600", "hello", idle=2, grace=4)
    read_until(step, "hello")
    state = state_of(tmp_path)
    step.kill()
    step.wait()
    wait_until(lambda: nothing_left(state), within_s=4 + 15)
    assert not Path(state.temp_dir).exists()
    assert LocalProvisioner(tmp_path).inventory() == []


def test_a_ray_that_does_not_start_in_time_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    clusters = LocalProvisioner(tmp_path, start_timeout_s=0.1)
    with pytest.raises(ClusterStartError, match="was not ready after"):
        run(clusters, "never", talk("0", "0"))
    assert clusters.inventory() == []
