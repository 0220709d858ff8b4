"""The server of the code location, by the command of the image; it can die and come back."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import yaml

from ml_platform.clusters.local.ray_process import free_port
from ml_platform.settings import PROJECT_ROOT

DAGSTER: Final = Path(sys.executable).parent / "dagster"
READY_WITHIN_S: Final = 120.0
END_WITHIN_S: Final = 30.0


@dataclass(kw_only=True)
class CodeServer:
    """A process that has loaded the code location.

    Attributes:
        workspace: A file by which Dagster finds it.
        process: It.
        port: On the loopback interface.
        env: Its environment.
    """

    workspace: Path
    process: "subprocess.Popen[bytes]"
    port: int
    env: Mapping[str, str]

    def restart(self) -> None:
        """Kill it and start it again, as Kubernetes does."""
        self.process.kill()
        self.process.wait()
        self.process = _start(self.port, self.env)


@contextmanager
def code_server(folder: Path, env: Mapping[str, str]) -> Iterator[CodeServer]:
    """Serve the code location until the block ends; it has been loaded when the block begins."""
    port = free_port()
    where = {"host": "127.0.0.1", "port": port, "location_name": "ml_platform"}
    workspace = folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": where}]}))
    server = CodeServer(workspace=workspace, process=_start(port, env), port=port, env=env)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(READY_WITHIN_S)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(END_WITHIN_S)


def _start(port: int, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    where = ("--host", "127.0.0.1", "--port", str(port))
    return subprocess.Popen(
        [DAGSTER, "api", "grpc", *where, "--module-name", "ml_platform.definitions"],
        cwd=PROJECT_ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
