"""The server of the code location, by the command of the image."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc
import yaml

from ml_platform.clusters.local.ray_process import free_port
from ml_platform.settings import PROJECT_ROOT

DAGSTER: Final = Path(sys.executable).parent / "dagster"
READY_WITHIN_S: Final = 120.0
END_WITHIN_S: Final = 30.0


@contextmanager
def code_server(folder: Path, env: Mapping[str, str]) -> Iterator[Path]:
    """Serve the code location until the block ends; yields the workspace that names the server."""
    port = str(free_port())
    where = {"host": "127.0.0.1", "port": int(port), "location_name": "ml_platform"}
    workspace = folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": where}]}))
    address = ("--host", "127.0.0.1", "--port", port)
    process = subprocess.Popen(
        [DAGSTER, "api", "grpc", *address, "--module-name", "ml_platform.definitions"],
        cwd=PROJECT_ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(READY_WITHIN_S)
        yield workspace
    finally:
        process.terminate()
        process.wait(END_WITHIN_S)
