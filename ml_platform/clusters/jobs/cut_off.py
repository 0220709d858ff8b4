"""A request that is broken off once it has become pointless: by itself it may last for minutes."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

LOOK_EVERY_S: Final = 0.5
OPENED: Final = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
Trace = Callable[[str, Mapping[str, Any]], None]


@contextmanager
def cut_off_when(
    is_pointless: Callable[[], bool], connection: socket.socket | None
) -> Iterator[Trace]:
    """Break the connections of a request that is made in the block, once it is pointless.

    Yields what httpx is to tell of the request (its extension `trace`), as it may open a connection
    anew; one that comes too late is not used.

    Args:
        is_pointless: Asked twice a second, in a thread.
        connection: That of the request before, which may be used again.
    """
    import httpx

    is_over, is_cut = threading.Event(), threading.Event()
    connections = [connection]

    def look() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            if is_pointless():
                is_cut.set()
                for one in connections:
                    _break_off(one)
                return

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event in OPENED:
            connections.append(info["return_value"].get_extra_info("socket"))
        if is_cut.is_set():
            raise httpx.ConnectError("it has become pointless")

    thread = threading.Thread(target=look, name="cut-off", daemon=True)
    thread.start()
    try:
        yield trace
    finally:
        is_over.set()


def _break_off(connection: socket.socket | None) -> None:
    if connection is not None:
        with contextlib.suppress(OSError):
            # Not that of a TLS socket, which would take its state from who reads just now.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
