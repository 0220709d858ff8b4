"""The program of workers' init container, run as its container runs it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ml_platform.clusters.kuberay.wait_for_head import GCS_PORT, PROGRAM


@pytest.fixture
def port() -> int:
    """A port on which nobody listens yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _started(port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-c", PROGRAM.replace(str(GCS_PORT), str(port))]
    environment = {**os.environ, "FQ_RAY_IP": "localhost"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == f"waiting for the head at localhost:{port}\n"
            yield process
        finally:
            process.kill()


def test_it_ends_when_the_head_takes_connections(port: int) -> None:
    with _started(port) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        with socket.create_server(("127.0.0.1", port)):
            assert process.wait(timeout=5) == 0


def test_it_ends_at_once_when_it_is_told_to(port: int) -> None:
    with _started(port) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=1) == 143
