"""A real PostgreSQL for one test session, from the machine's packages, in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_START_S: Final = 60.0
_USERNAME: Final = "dagster"
_PASSWORD: Final = "only for this test"


class NotInstalledError(Exception):
    """PostgreSQL is not on this machine; the message says what to install."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Postgres:
    """A running server; it wants the password."""

    port: int
    host: str
    username: str = _USERNAME
    password: str = _PASSWORD
    database: str = "postgres"


@contextmanager
def running_postgres(host: str = "127.0.0.1") -> Iterator[Postgres]:
    """Make an empty server, start it, and remove it at the end.

    Args:
        host: Address of this machine on which it listens, for all of that address's network.

    Raises:
        NotInstalledError: there are no server programs.
    """
    programs = _programs()
    # Not pytest's folder: that is closed to the user whom the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="mlp-postgres-"))
    data, password = folder / "data", folder / "password"
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    try:
        password.write_text(_PASSWORD)
        if user:
            shutil.chown(folder, user)
            shutil.chown(password, user)
        subprocess.run(
            [
                str(programs / "initdb"),
                f"--pgdata={data}",
                f"--username={_USERNAME}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--no-sync",
            ],
            user=user,
            cwd=folder,
            capture_output=True,
            check=True,
        )
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet scram-sha-256\n")
        with socket.create_server((host, 0)) as free:
            server = Postgres(host=host, port=int(free.getsockname()[1]))
        process = subprocess.Popen(
            [
                str(programs / "postgres"),
                f"-D{data}",
                f"--port={server.port}",
                f"--listen_addresses={server.host}",
                f"--unix_socket_directories={folder}",
                "--fsync=off",
            ],
            user=user,
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_until_ready(programs, server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # does not wait for its clients to leave
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """The folder of the newest server's programs; Debian keeps them off the path."""
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not versions:
        raise NotInstalledError("PostgreSQL is not installed: `apt-get install postgresql`")
    return versions[-1].parent


def _wait_until_ready(programs: Path, server: Postgres, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        asked = subprocess.run(
            [programs / "pg_isready", "-q", "-h", server.host, "-p", str(server.port)], check=False
        )
        if asked.returncode == 0:
            return
        time.sleep(0.1)
    raise TimeoutError(f"PostgreSQL did not start (exit code {process.poll()})")
