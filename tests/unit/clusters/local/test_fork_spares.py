"""Spares of the fork server: for whom they fork, and that their forks do not name things alike."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml_platform.clusters.local.fork_client import CONTEXT_OPTION
from ml_platform.clusters.local.fork_spares import JOB, Foresight, variables_of
from ml_platform.settings import PROJECT_ROOT
from tests.unit.clusters.local.fork_servers import PROBE, end, ends, said, start, start_server

WORKER = {"RAY_RAYLET_PID": "7"}


@pytest.fixture
def spare_module() -> str:
    return "colorsys"


@pytest.fixture
def server(tmp_path: Path, spare_module: str) -> "Iterator[psutil.Process]":
    (tmp_path / "probe.py").write_text(PROBE)
    process = start_server(tmp_path, spare_module=spare_module)
    yield psutil.Process(process.pid)
    process.terminate()
    process.wait()


def worker(folder: Path, job: str, word: str = "0", **variables: str) -> "subprocess.Popen[str]":
    return start(folder, str(folder / "probe.py"), word, **WORKER, **variables, **{JOB: job})


def run_worker(folder: Path, job: str, **variables: str) -> dict[str, object]:
    client = worker(folder, job, **variables)
    seen = said(client)
    assert end(client) == 0
    return seen


@pytest.fixture
def foreseeing(tmp_path: Path, server: psutil.Process) -> psutil.Process:
    """A server that has served job 2, and has spares for its workers and for those of job 3."""
    run_worker(tmp_path, "02000000")
    spares_of(server, 2)
    return server


def spares_of(server: psutil.Process, count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = [one for one in server.children() if one.status() != psutil.STATUS_ZOMBIE]
        if len(found) == count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{len(server.children())} spares instead of {count}")


def test_the_workers_of_the_next_job_and_the_next_supervisor_find_spares(
    tmp_path: Path, server: psutil.Process
) -> None:
    first = [run_worker(tmp_path, "02000000"), run_worker(tmp_path, "01000000", RAY_X="1")]
    assert [(one["parent"], one["modules"]) for one in first] == [(server.pid, [])] * 2
    spares_of(server, 3)  # for workers of this job and of the next, and for supervisors
    again = [
        run_worker(tmp_path, "02000000"),
        run_worker(tmp_path, "01000000", RAY_X="1"),
        run_worker(tmp_path, "03000000"),
    ]
    assert all(one["parent"] != server.pid for one in again)
    assert [one["modules"] for one in again] == [["ray", "colorsys"]] * 3


def test_a_job_that_nobody_foresaw_is_forked_without_ray(
    tmp_path: Path, foreseeing: psutil.Process
) -> None:
    assert run_worker(tmp_path, "09000000")["parent"] == foreseeing.pid


def test_a_worker_whose_runtime_environment_changes_ray_is_forked_without_it(
    tmp_path: Path, foreseeing: psutil.Process
) -> None:
    context = CONTEXT_OPTION + json.dumps({"env_vars": {"RAY_X": "1"}})
    client = start(
        tmp_path, context, str(tmp_path / "probe.py"), "0", **WORKER, **{JOB: "03000000"}
    )
    assert said(client)["parent"] == foreseeing.pid
    end(client)


def test_spares_of_jobs_that_are_over_leave_once_their_last_fork_has(
    tmp_path: Path, foreseeing: psutil.Process
) -> None:
    lasting = worker(tmp_path, "02000000", "wait")
    pid = int(str(said(lasting)["pid"]))
    run_worker(tmp_path, "03000000")
    spares_of(foreseeing, 3)  # of jobs 3 and 4, and of 2 as long as its fork lives
    assert psutil.pid_exists(pid)
    lasting.send_signal(signal.SIGTERM)
    assert end(lasting) == -signal.SIGTERM
    spares_of(foreseeing, 2)


def test_a_spare_that_is_killed_is_replaced_and_its_forks_are_gone(
    tmp_path: Path, foreseeing: psutil.Process
) -> None:
    client = worker(tmp_path, "03000000", "wait")
    seen = said(client)
    os.kill(int(str(seen["parent"])), signal.SIGKILL)
    assert end(client) != 0
    assert ends(int(str(seen["pid"])))
    spares_of(foreseeing, 2)
    assert run_worker(tmp_path, "03000000")["parent"] not in (seen["parent"], foreseeing.pid)


@pytest.mark.parametrize("spare_module", ["broken"])
def test_a_spare_that_cannot_import_serves_all_the_same(
    tmp_path: Path, server: psutil.Process
) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('a Ray of another version')")
    run_worker(tmp_path, "02000000")
    spares_of(server, 2)
    assert run_worker(tmp_path, "02000000")["parent"] != server.pid


def test_a_server_that_is_killed_takes_spares_and_their_forks_along(
    tmp_path: Path, server: psutil.Process
) -> None:
    run_worker(tmp_path, "02000000")
    spares = spares_of(server, 2)
    client = worker(tmp_path, "03000000", "wait")
    pid = int(str(said(client)["pid"]))
    server.kill()
    assert end(client) != 0
    assert ends(pid)
    assert all(ends(spare.pid) for spare in spares)


def test_what_is_foreseen() -> None:
    foresight = Foresight()
    assert foresight.wanted() == []
    foresight.note({"RAY_A": "worker", JOB: "ff010000"})
    foresight.note({"RAY_A": "supervisor", JOB: "01000000"})
    foresight.note({"RAY_A": "driver"})
    foresight.note({"RAY_A": "started ahead", JOB: "ffffffff"})
    assert foresight.wanted() == [
        {"RAY_A": "worker", JOB: "00020000"},
        {"RAY_A": "driver"},
        {"RAY_A": "supervisor", JOB: "01000000"},
        {"RAY_A": "worker", JOB: "ff010000"},
    ]


def test_only_the_variables_that_came_last_are_foreseen() -> None:
    foresight = Foresight()
    for number in range(9):
        foresight.note({"RAY_A": f"driver {number}"})
    assert [one["RAY_A"] for one in foresight.wanted()] == [f"driver {n}" for n in (8, 7, 6, 5)]


def test_what_differs_between_drivers_does_not_count() -> None:
    environment = {"RAY_A": "1", "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}", "PATH": "/bin"}
    assert variables_of(environment) == {"RAY_A": "1"}


def test_forks_of_a_process_that_has_imported_ray_draw_names_of_their_own() -> None:
    program = """
import os
import numpy, pyarrow.dataset
from ml_platform.clusters.local.forks import import_all
from ml_platform.clusters.local.fork_spares import RAY_MODULES, ray_keeps_its_generator
before = len(os.listdir("/proc/self/task"))  # numpy's and pyarrow's, which can be forked
with ray_keeps_its_generator():
    import_all(RAY_MODULES)
import ray
assert len(os.listdir("/proc/self/task")) == before  # a fork takes one thread along
for _ in range(3):
    if os.fork() == 0:
        print(ray.NodeID.from_random().hex(), flush=True)
        os._exit(0)
    os.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(set(done.stdout.split())) == 3
