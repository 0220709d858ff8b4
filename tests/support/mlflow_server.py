"""A real MLflow server, as `make dev` and a company run it: started, waited for and ended."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from ml_platform.clusters.local.ray_process import free_port
from tests.support.servers import served

MLFLOW: Final = Path(sys.executable).parent / "mlflow"
READY_WITHIN_S: Final = 120.0
END_WITHIN_S: Final = 20.0
# As in the Makefile: workers for the evaluation of language models, which take memory.
SWITCHES: Final = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Serve an MLflow whose database and files are in `folder`; gives its address.

    Clients get and put files through the server, so that they need no access to its disk.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "server.log"
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination": str(folder / "files"),
    }
    with served(
        [str(MLFLOW), "server", *(word for option in options.items() for word in option)],
        url=url,
        log=log,
        cwd=folder,
        env={**os.environ, **SWITCHES},
        end_within_s=END_WITHIN_S,
    ) as process:
        _wait_until_ready(url, process, log)
        yield url


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"MLflow did not start:\n{log.read_text(errors='replace')[-4000:]}")
