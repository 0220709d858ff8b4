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
from ml_platform.clusters.local.fork_server import WarmServer
WarmServer(sys.argv[1], spare_modules=(sys.argv[2],), quiet_s=0.05).serve()
"""
PROBE = """
import json, os, sys, time
print(json.dumps({"argv": sys.argv[1:], "X": os.environ.get("X"), "cwd": os.getcwd(),
                  "parent": os.getppid(), "pid": os.getpid(),
                  "modules": [name for name in ("ray", "colorsys") if name in sys.modules]}),
      flush=True)
if sys.argv[1] == "wait":
    time.sleep(60)
sys.exit(int(sys.argv[1]))
"""


def start_server(folder: Path, *, spare_module: str = "colorsys") -> "subprocess.Popen[bytes]":
    """A server whose socket and probe are in `folder`."""
    path = folder / "warm"
    command = [sys.executable, "-c", SERVER, str(path), spare_module]
    search = os.pathsep.join([str(folder), str(PROJECT_ROOT)])
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, env={**os.environ, "PYTHONPATH": search})
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


def start(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """A client of the server in `folder`."""
    environment = {**os.environ, SOCKET_VARIABLE: str(folder / "warm"), **variables}
    return subprocess.Popen(
        [sys.executable, fork_client.__file__, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(client: "subprocess.Popen[str]") -> dict[str, object]:
    assert client.stdout is not None
    found: dict[str, object] = json.loads(client.stdout.readline())
    return found


def end(client: "subprocess.Popen[str]") -> int:
    code = client.wait(timeout=30)
    assert client.stdout is not None
    client.stdout.close()
    return code


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not psutil.pid_exists(pid)
