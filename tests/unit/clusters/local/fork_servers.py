"""A fork server that is up at once, and clients of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from ml_platform.clusters.local import fork_client
from ml_platform.clusters.local.fork_client import SOCKET_VARIABLE
from ml_platform.settings import PROJECT_ROOT

# Imports nothing heavy, so that it is up at once.
SERVER = """
import sys
from ml_platform.clusters.local.fork_server import ForkServer
ForkServer(sys.argv[1]).serve()
"""
PROBE = """
import json, os, sys, time
print(json.dumps({"argv": sys.argv[1:], "X": os.environ.get("X"), "cwd": os.getcwd(),
                  "parent": os.getppid(), "pid": os.getpid()}),
      flush=True)
if sys.argv[1] == "wait":
    time.sleep(60)
sys.exit(int(sys.argv[1]))
"""


def start_server(folder: Path) -> "subprocess.Popen[bytes]":
    """A server whose socket and probe are in `folder`."""
    path = folder / "forks"
    command = [sys.executable, "-c", SERVER, str(path)]
    search = os.pathsep.join([str(folder), str(PROJECT_ROOT)])
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, env={**os.environ, "PYTHONPATH": search})
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


def start(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """A client of the server in `folder`."""
    environment = {**os.environ, SOCKET_VARIABLE: str(folder / "forks"), **variables}
    return subprocess.Popen(
        [sys.executable, fork_client.__file__, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(client: "subprocess.Popen[str]") -> dict[str, object]:
    assert client.stdout is not None
    found: dict[str, object] = json.loads(client.stdout.readline())
    return found


def end(client: "subprocess.Popen[str]") -> int:
    return end_saying(client)[0]


def end_saying(client: "subprocess.Popen[str]") -> tuple[int, str]:
    """The exit code, and what the client wrote to its standard error."""
    errors = client.communicate(timeout=30)[1]
    return client.returncode, errors


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not psutil.pid_exists(pid)
