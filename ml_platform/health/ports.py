"""The ports on which `make dev` serves Dagster, MLflow and X-Ray: free, or who has them.

    python -m ml_platform.health.ports

prints `dagster_port=3000`, `mlflow_port=5000` and `xray_port=9729` for a shell, the second empty
where MLflow is a server of its own; or it says which port is taken, by whom, and which setting
takes another.
"""

import socket
import sys
from dataclasses import dataclass
from itertools import combinations
from typing import Final
from urllib.parse import urlsplit

import psutil

from ml_platform.errors import PlatformError, SettingsError
from ml_platform.registry.store import embedded_file
from ml_platform.settings import Settings, load_settings

LOCALHOST: Final = "127.0.0.1"
LOCAL_HOSTS: Final = (LOCALHOST, "localhost")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """Pages that `make dev` serves on this machine.

    Attributes:
        name: Whose they are.
        port: Where.
        variable: The setting that says so.
    """

    name: str
    port: int
    variable: str


def dagster_pages(settings: Settings) -> Pages:
    """Dagster's pages; on the usual port where the setting names another machine."""
    port = _local_port(settings.dagster_url, 3000)
    return Pages(name="Dagster", port=port, variable="MLP_DAGSTER_URL")


def mlflow_pages(settings: Settings) -> Pages | None:
    """MLflow's pages; None where it is a server, whose pages are its own."""
    if embedded_file(settings) is None:
        return None
    port = _local_port(settings.mlflow_pages, 5000)
    return Pages(name="MLflow", port=port, variable="MLP_MLFLOW_UI_URL")


def xray_pages(settings: Settings) -> Pages:
    """X-Ray's pages; on the usual port where the setting names another machine."""
    port = _local_port(settings.xray_url, 9729)
    return Pages(name="X-Ray", port=port, variable="MLP_XRAY_URL")


def holder(port: int) -> str | None:
    """Who listens on a port of this machine, in a few words; None if nobody does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError as error:
            return _listener(port) or str(error.strerror)
    return None


def require_free(settings: Settings) -> dict[str, int | None]:
    """The ports of `make dev`, all of which are free.

    Raises:
        SettingsError: one is taken; names it, who has it, and the setting.
    """
    pages = [dagster_pages(settings), mlflow_pages(settings), xray_pages(settings)]
    ours = [one for one in pages if one is not None]
    for first, other in combinations(ours, 2):
        if first.port == other.port:
            raise SettingsError(
                f"{first.name} and {other.name} would both be served on port {first.port}",
                hint=f"take another port for one: {first.variable}=http://{LOCALHOST}:"
                f"{first.port + 1} make dev",
            )
    for one in pages:
        if one is not None and (taken := holder(one.port)) is not None:
            raise SettingsError(
                f"port {one.port}, on which {one.name} would be served, is taken by {taken}",
                hint=f"end that, or take another port: {one.variable}=http://{LOCALHOST}:"
                f"{one.port + 1} make dev",
            )
    return {
        f"{name}_port": one.port if one else None for name, one in zip(_NAMES, pages, strict=True)
    }


_NAMES: Final = ("dagster", "mlflow", "xray")


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(url).hostname in LOCAL_HOSTS


def _local_port(url: str, usual: int) -> int:
    port = urlsplit(url).port
    return port if port and is_local(url) else usual


def _listener(port: int) -> str | None:
    """The process that listens, where this user may know it."""
    try:
        found = [
            one.pid
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid
        ]
        return f"{psutil.Process(found[0]).name()} (process {found[0]})"
    except (psutil.Error, IndexError, OSError):
        return None


if __name__ == "__main__":
    try:
        ports = require_free(load_settings())
    except PlatformError as error:
        sys.exit(str(error))
    for name, port in ports.items():
        sys.stdout.write(f"{name}={port or ''}\n")
