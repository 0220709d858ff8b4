"""Serves the pages until somebody ends it."""

import errno
import gc
import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ml_platform.errors import InputError
from ml_platform.health.ports import holder
from ml_platform.xray.pages.access import is_loopback

END_WITHIN_S: Final = 3


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: the port is taken, or the host is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            whose = (is_loopback(host) and holder(port)) or "another"
            raise InputError(
                f"port {port}, on which X-Ray's pages would be served, is taken by {whose}",
                hint=f"end that, or take another port: --port {port + 1}.",
            ) from error
        raise InputError(
            f"{host} cannot be listened on: {error.strerror or error}",
            hint="--host takes an address of this machine, such as 127.0.0.1 or 0.0.0.0.",
        ) from error


def keep_what_is_loaded() -> None:
    """Leave all that was imported out of every later search for garbage.

    Python goes through it again and again though none of it ever goes, 75 ms each time: every
    second or third page of 5,000 rows waited for that, and now and then a small one.
    """
    gc.collect()
    gc.freeze()


def server_of(app: ASGIApp) -> uvicorn.Server:
    """A server of the pages, which says nothing but what goes wrong."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=END_WITHIN_S,
    )
    return uvicorn.Server(config)
