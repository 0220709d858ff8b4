"""A WebSocket to a head, whose end nothing delays."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

PORTS: Final = {"ws": 80, "wss": 443}
GRACE_S: Final = 0.5
"""So much later than websockets' own limit, whose error says more."""


@contextmanager
def websocket(
    url: str, *, headers: Mapping[str, str], tls: ssl.SSLContext | None, open_within_s: float
) -> Iterator["ClientConnection"]:
    """A connection that is open, and is broken off at the end of the block.

    Raises:
        OSError: it could not be made in time.
        websockets.exceptions.WebSocketException: the server refused it.
    """
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    where = urlsplit(url)
    port = where.port or PORTS[where.scheme]
    connection = socket.create_connection((where.hostname, port), timeout=open_within_s)
    # websockets 17.4 waits without limit for its reading thread, which with TLS may be in a read
    # that the closing of its socket does not end: the server's session tickets woke it, and nothing
    # follows. What ends it is the end of the connection. Until its reads can be ended.
    with connection.dup() as lifeline:
        overdue = threading.Timer(open_within_s + GRACE_S, _break_off, (lifeline,))
        overdue.start()
        try:
            opened = connect(
                url,
                sock=connection,
                additional_headers=headers,
                ssl=tls,
                proxy=None,
                # Ray 2.60 passes our offer of compression on to another connection, whose answer
                # then does not fit ours, and never reads from us, so that no ping is answered.
                compression=None,
                ping_interval=None,
                max_size=None,  # a chunk holds whole lines, however long
                open_timeout=open_within_s,
                close_timeout=0.05,  # it does not answer our closing either
            )
            stream = opened.__enter__()
        finally:
            overdue.cancel()
        try:
            yield stream
        finally:
            _break_off(lifeline)
            # What closing raises must not take the place of an interrupt, which would be lost.
            with contextlib.suppress(OSError, WebSocketException):
                stream.close()


def _break_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
