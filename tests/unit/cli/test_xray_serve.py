"""`mlp xray serve`, as a process of its own and up to where it refuses."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from ml_platform.cli.main import run
from ml_platform.clusters.local.ray_process import free_port
from ml_platform.settings import Settings
from tests.support.xray import Training

READY_WITHIN_S = 60.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLP_HOME", str(tmp_path))
    monkeypatch.delenv("MLP_XRAY_TOKEN", raising=False)
    return tmp_path


def test_it_gathers_and_serves_until_it_is_interrupted(home: Path) -> None:
    Training(storage_root=Settings(home=home).storage_root).train()
    port = free_port()
    command = [sys.executable, "-c", "from ml_platform.cli.main import main; main()"]
    with subprocess.Popen(
        [*command, "xray", "serve", "--port", str(port)],
        env={**os.environ, "MLP_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert "2013-03-14" in page_with_attempts(process, port)
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=READY_WITHIN_S)
    assert process.returncode == 0
    assert said.startswith(f"X-Ray: http://127.0.0.1:{port} ")
    assert len(said.splitlines()) == 1


def page_with_attempts(process: "subprocess.Popen[str]", port: int) -> str:
    """The first page, once it has gathered."""
    deadline = time.monotonic() + READY_WITHIN_S
    page = ""
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.ConnectError):
            page = httpx.get(f"http://127.0.0.1:{port}", timeout=READY_WITHIN_S).text
        if "2013-03-14" in page:
            break
        time.sleep(0.2)
    return page


def test_on_a_network_it_refuses_to_start_without_a_login(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["xray", "serve", "--host", "0.0.0.0", "--port", "0"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "could be read by everybody who reaches this machine" in said
    assert 'set a token: MLP_XRAY_TOKEN="$(openssl rand -hex 24)".' in said


def test_a_port_that_is_taken_is_named_with_its_holder(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["xray", "serve", "--port", str(port)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"port {port}, on which X-Ray's pages would be served, is taken by" in said
    assert f"--port {port + 1}." in said


def test_an_address_of_another_machine_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLP_XRAY_TOKEN", "x" * 16)
    assert run(["xray", "serve", "--host", "192.0.2.1", "--port", "0"]) == 2
    assert "192.0.2.1 cannot be listened on" in " ".join(capsys.readouterr().err.split())
