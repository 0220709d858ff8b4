"""The fork server of a local Ray and the client that stands in for a fork."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from ml_platform.clusters.local.fork_client import CONTEXT_OPTION, ray_worker
from ml_platform.clusters.local.fork_server import LIBRARIES, import_all
from tests.unit.clusters.local.fork_servers import (
    PROBE,
    end,
    end_saying,
    ends,
    said,
    start,
    start_server,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "probe.py").write_text(PROBE)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    process = start_server(folder)
    yield process
    process.terminate()
    process.wait()


def test_a_driver_runs_in_a_fork_with_its_own_words_place_and_variables(
    folder: Path, server: "subprocess.Popen[bytes]"
) -> None:
    client = start(folder, "-m", "probe", "7", "a b", X="mine")
    seen = said(client)
    assert seen["argv"] == ["7", "a b"]
    assert (seen["X"], seen["cwd"]) == ("mine", str(folder))
    assert seen["parent"] == server.pid
    assert end(client) == 7


def test_a_worker_of_ray_gets_the_variables_of_its_runtime_environment(
    folder: Path, server: "subprocess.Popen[bytes]"
) -> None:
    context = CONTEXT_OPTION + json.dumps({"env_vars": {"X": "of the job"}, "command_prefix": []})
    client = start(folder, context, "--language=PYTHON", str(folder / "probe.py"), "0")
    assert said(client)["X"] == "of the job"
    assert end(client) == 0


def test_a_signal_to_the_client_ends_the_fork_and_shows_in_the_exit_code(
    folder: Path, server: "subprocess.Popen[bytes]"
) -> None:
    client = start(folder, "-m", "probe", "wait")
    pid = int(str(said(client)["pid"]))
    client.send_signal(signal.SIGTERM)
    assert end(client) == -signal.SIGTERM
    assert ends(pid)


def test_a_client_that_is_killed_takes_its_fork_along(
    folder: Path, server: "subprocess.Popen[bytes]"
) -> None:
    client = start(folder, "-m", "probe", "wait")
    pid = int(str(said(client)["pid"]))
    client.kill()
    end(client)
    assert ends(pid)


def test_a_fork_that_is_killed_is_seen_as_killed(
    folder: Path, server: "subprocess.Popen[bytes]"
) -> None:
    client = start(folder, "-m", "probe", "wait")
    os.kill(int(str(said(client)["pid"])), signal.SIGKILL)
    assert end(client) == -signal.SIGKILL


def test_a_server_that_is_killed_takes_all_forks_along(
    folder: Path, server: "subprocess.Popen[bytes]"
) -> None:
    client = start(folder, "-m", "probe", "wait")
    pid = int(str(said(client)["pid"]))
    server.kill()
    assert end(client) != 0
    assert ends(pid)


def test_without_a_server_a_driver_runs_as_it_would_have_and_says_so(folder: Path) -> None:
    client = start(folder, "-m", "probe", "3")
    assert said(client)["parent"] == os.getpid()
    code, errors = end_saying(client)
    assert code == 3
    assert errors.startswith(f"no fork server at '{folder / 'forks'}'")


def test_a_library_that_cannot_be_imported_is_named_and_the_others_are_imported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import_all(("no_such_library", "colorsys"))
    assert "cannot import no_such_library" in capsys.readouterr().err
    assert "colorsys" in sys.modules


def test_every_library_of_the_fork_server_is_installed() -> None:
    tops = {name.partition(".")[0] for name in LIBRARIES}
    assert [name for name in tops if find_spec(name) is None] == []


@pytest.mark.parametrize(
    "arguments",
    [
        [CONTEXT_OPTION + '{"command_prefix": ["cd /x &&"]}', "worker.py"],
        [CONTEXT_OPTION + '{"py_executable": "/opt/other/python"}', "worker.py"],
        [CONTEXT_OPTION + '{"env_vars": {"PATH": "/x:$PATH"}}', "worker.py"],
        ["--language=JAVA", "worker.py"],
    ],
)
def test_a_worker_that_needs_more_than_variables_is_left_to_ray(arguments: list[str]) -> None:
    assert ray_worker(arguments) is None
