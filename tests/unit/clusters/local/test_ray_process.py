from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from ml_platform.clusters.local import fork_client
from ml_platform.clusters.local.fork_client import SOCKET_VARIABLE
from ml_platform.clusters.local.ray_process import (
    before_ray_starts,
    clean_environment,
    job_environment,
    make_temp_dir,
    start_command,
    start_environment,
    why_it_failed,
)
from ml_platform.settings import PROJECT_ROOT
from tests.unit.clusters.local.test_folder import REQUEST, STATE


def test_ray_listens_on_this_machine_only_and_takes_what_was_asked_for() -> None:
    command = start_command(replace(REQUEST, cpus=7), port=1234, temp_dir="/tmp/x")
    options = dict(pairwise(command))
    assert options["--node-ip-address"] == "127.0.0.1"
    assert options["--dashboard-host"] == "127.0.0.1"
    assert options["--dashboard-port"] == "1234"
    assert options["--num-cpus"] == "7"
    assert options["--temp-dir"] == "/tmp/x"


def test_ray_starts_no_workers_ahead_of_the_jobs_however_many_cpus_it_has() -> None:
    environment = start_environment({}, mark="mark", token_file=Path("/t"), temp_dir="/tmp/mlp-1")
    assert environment["RAY_prestart_worker_first_driver"] == "0"


def test_variables_that_depend_on_who_came_first_do_not_reach_ray() -> None:
    foreign = dict.fromkeys(("RAY_ADDRESS", "MLP_HOME", "DAGSTER_HOME", "PYTHONPATH"), "x")
    assert clean_environment(foreign | {"A": "1"}) == {"A": "1"}


def test_ray_asks_for_a_token_from_a_file_and_never_in_the_home_folder() -> None:
    environment = start_environment(
        {}, mark="mark", token_file=Path("/run/token"), temp_dir="/tmp/mlp-1"
    )
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == "/run/token"


def test_jobs_import_the_platform_first_and_then_what_the_step_imports() -> None:
    assert job_environment({"PYTHONPATH": "/mine"})["PYTHONPATH"] == f"{PROJECT_ROOT}:/mine"
    assert job_environment({})["PYTHONPATH"] == str(PROJECT_ROOT)


def test_no_ray_client_server_is_started() -> None:
    parameters = SimpleNamespace(ray_client_server_port=10001)
    before_ray_starts(parameters, True)
    assert parameters.ray_client_server_port is None


def test_a_ray_has_a_fork_server_only_if_so_ordered() -> None:
    environments = [
        start_environment({}, mark="", token_file=Path("/t"), temp_dir="/tmp/mlp-1", fork_server=on)
        for on in (True, False)
    ]
    assert [SOCKET_VARIABLE in one for one in environments] == [True, False]


def test_a_ray_that_another_rays_job_starts_does_not_use_that_ones_fork_server() -> None:
    environ = {SOCKET_VARIABLE: "/tmp/other/forks"}
    ours = start_environment(environ, mark="", token_file=Path("/t"), temp_dir="/tmp/mlp-1")
    assert SOCKET_VARIABLE not in ours


def test_workers_of_ray_are_asked_of_the_fork_server_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parameters = SimpleNamespace(setup_worker_path="rays_own.py")
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)
    before_ray_starts(parameters, True)
    assert parameters.setup_worker_path == "rays_own.py"
    monkeypatch.setenv(SOCKET_VARIABLE, "/tmp/mlp-1/forks")
    before_ray_starts(parameters, True)
    assert parameters.setup_worker_path == fork_client.__file__


def test_rays_temporary_folder_leaves_room_for_its_sockets() -> None:
    temp_dir = Path(make_temp_dir())
    temp_dir.rmdir()
    socket = "session_2026-11-24_02-16-11_904969_4194304/sockets/plasma_store.1"
    assert len(str(temp_dir / socket)) <= 107


def test_a_long_temporary_folder_reaches_neither_ray_nor_its_jobs() -> None:
    long = {"TMPDIR": "/scratch/" + "x" * 100}
    given = start_environment(long, mark="mark", token_file=Path("/t"), temp_dir="/tmp/mlp-1")
    assert given["TMPDIR"] == "/tmp"


def test_a_failed_start_quotes_rays_output_and_the_component_that_spoke(tmp_path: Path) -> None:
    logs = tmp_path / "session_latest" / "logs"
    logs.mkdir(parents=True)
    (logs / "gcs_server.err").write_text("")
    (logs / "raylet.err").write_text("no space left on device\n")
    ray_out = tmp_path / "ray.out"
    ray_out.write_text("Some Ray subprocesses exited unexpectedly\n")
    assert why_it_failed(replace(STATE, temp_dir=str(tmp_path)), ray_out) == (
        "--- ray.out\nSome Ray subprocesses exited unexpectedly\n"
        "--- raylet.err\nno space left on device"
    )


def test_a_failed_start_without_output_says_so(tmp_path: Path) -> None:
    assert why_it_failed(STATE, tmp_path / "ray.out") == "ray.out is empty"
