"""A WebSocket to a head, whose opening and end nothing delays."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self
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
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            _break_off(lifeline)

        overdue = threading.Timer(open_within_s + GRACE_S, give_up)
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
        except (OSError, WebSocketException) as error:
            # What is broken off while it is opened fails in one of many ways.
            if is_late.is_set():
                raise TimeoutError(f"{where.netloc} opened no stream in time") from error
            raise
        finally:
            overdue.cancel()
        try:
            yield stream
        finally:
            _break_off(lifeline)
            # What closing raises must not take the place of an interrupt, which would be lost.
            with contextlib.suppress(OSError, WebSocketException):
                stream.close()


class Opening:
    """A WebSocket that a thread opens, so that who waits for it can look elsewhere meanwhile.

    A context manager: leaving it breaks the connection off. One that is not open yet is not waited
    for; it is closed when it is, or its time is over.

    Args:
        url: As of `websocket`, like the others.
        headers: What the request brings.
        tls: Certificates.
        open_within_s: How long it may take.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None,
        open_within_s: float,
    ) -> None:
        self._websocket = websocket(url, headers=headers, tls=tls, open_within_s=open_within_s)
        self._stream: ClientConnection | None = None
        self._error: Exception | None = None
        self._decided = threading.Event()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="websocket", daemon=True)

    def wait(self, timeout_s: float) -> "ClientConnection | None":
        """The open connection; None if it is not open after so many seconds. Raises as it does."""
        if not self._decided.wait(timeout_s):
            return None
        if self._error is not None:
            raise self._error
        return self._stream

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._left.set()
        if self._decided.is_set():
            self._thread.join()

    def _run(self) -> None:
        try:
            with self._websocket as self._stream:
                self._decided.set()
                self._left.wait()
        except Exception as error:  # boundary: raised where it is waited for
            self._error = error
        finally:
            self._decided.set()


def _break_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
