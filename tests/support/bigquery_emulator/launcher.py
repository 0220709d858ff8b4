"""The emulator's own environment, made once and kept, and the process that serves from it."""

import hashlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml_platform.settings import Settings

PROJECT_ROOT: Final = Path(__file__).resolve().parents[3]
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
MINIMUM_PYTHON: Final = (3, 13)
_START_S: Final = 120.0


class NoSuitablePythonError(Exception):
    """The emulator cannot run here; the message says what to install."""


class EmulatorError(Exception):
    """The emulator could run here, but its environment or its start failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Emulator:
    """A running emulator: `gs://bucket/…` is the folder `bucket/…` of `buckets`."""

    api_endpoint: str
    storage_endpoint: str
    buckets: Path

    def settings(self, home: Path, *, project: str = "test", **others: Any) -> Settings:
        """Settings of a platform whose warehouse it is."""
        return Settings(
            home=home,
            warehouse="bigquery",
            bigquery_project=project,
            bigquery_api_endpoint=self.api_endpoint,
            bigquery_storage_endpoint=self.storage_endpoint,
            **others,
        )


@contextmanager
def running_emulator(data: Path) -> Iterator[Emulator]:
    """Start the emulator with its tables in `data`, and stop it at the end.

    Raises:
        NoSuitablePythonError: there is none on this machine.
        EmulatorError: its environment could not be made, or it did not start.
    """
    python = _environment()
    port, grpc_port = _free_ports(2)
    data.mkdir(parents=True)
    log = data / "server.log"
    arguments = {"host": "127.0.0.1", "port": port, "grpc-port": grpc_port, "data-dir": data}
    command = [str(python), "-m", "tests.support.bigquery_emulator.server"]
    command += [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
    home = python.parents[1] / "home"  # DuckDB's extensions are copied there, once
    home.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**_clean_environment(), "HOME": str(home)},
            stdin=subprocess.PIPE,  # never written to: its closing ends the server
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        api = f"http://127.0.0.1:{port}"
        _wait_until_ready(api, process, log)
        yield Emulator(
            api_endpoint=api, storage_endpoint=f"127.0.0.1:{grpc_port}", buckets=data / "gcs"
        )
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()  # closes the pipe, too


def _environment() -> Path:
    """The interpreter of the emulator's environment, made on first use and kept by content."""
    cache = Path(os.environ.get("MLP_TEST_CACHE") or Path.home() / ".cache" / "ml_platform_tests")
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = cache / f"bigquery-emulator-{digest}"
    python = folder / "bin" / "python"
    if not python.exists():  # not made yet, or its base is gone
        shutil.rmtree(folder, ignore_errors=True)
        base = _base_python()
        building = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(building, ignore_errors=True)
        _run(str(base), "-m", "venv", "--without-pip", str(building))
        _install(base, building / "bin" / "python")
        try:
            building.rename(folder)  # complete or absent, whoever else is building it
        except OSError:
            shutil.rmtree(building)
    return python


def _install(base: Path, python: Path) -> None:
    wanted = ("--no-deps", "--requirement", str(REQUIREMENTS))
    bootstrapped = str(PROJECT_ROOT / ".bootstrap" / "bin")  # where the Makefile puts uv
    uv = shutil.which("uv") or shutil.which("uv", path=bootstrapped)
    if uv:
        _run(uv, "pip", "install", "--quiet", "--python", str(python), *wanted)
    else:
        _run(str(base), "-m", "pip", "--python", str(python), "install", "--quiet", *wanted)


def _base_python() -> Path:
    """A CPython that the emulator runs on: on the path, kept by uv, or kept by pyenv."""
    names = [f"python3.{minor}" for minor in range(MINIMUM_PYTHON[1], MINIMUM_PYTHON[1] + 3)]
    on_path = [Path(found) for name in names if (found := shutil.which(name))]
    folders = (Path.home() / ".local/share/uv/python", _pyenv_root() / "versions")
    kept = [path for folder in folders for name in names for path in folder.glob(f"*/bin/{name}")]
    for candidate in (*on_path, *sorted(kept)):
        # A name on the path may be pyenv's shim for a version that is not switched on.
        probe = subprocess.run([candidate, "-c", "import venv"], capture_output=True, check=False)
        if probe.returncode == 0:
            return candidate
    version = ".".join(map(str, MINIMUM_PYTHON))
    raise NoSuitablePythonError(
        f"the BigQuery emulator needs CPython {version} or later: `uv python install {version}`"
    )


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _run(*command: str) -> None:
    done = subprocess.run(
        command, env=_clean_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EmulatorError(
            f"the BigQuery emulator's environment could not be made: {' '.join(command)}\n"
            f"{done.stderr.strip()}"
        )


def _clean_environment() -> Mapping[str, str]:
    """This process's environment without what ties Python to this process's packages."""
    tied = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS")
    return {key: value for key, value in os.environ.items() if key not in tied}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait_until_ready(api: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{api}/bigquery/v2/projects/test/datasets", timeout=30):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise EmulatorError(
        f"the BigQuery emulator did not start:\n{log.read_text(errors='replace')[-2000:]}"
    )
