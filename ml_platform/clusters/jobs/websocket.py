"""A WebSocket to a head, whose opening and end nothing delays.

On websockets' protocol without its threads: its client reads in a thread of its own while another
one writes and closes, and a TLS connection that two threads use at once may end the process
(Python locks it from 3.13 on).
"""

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from websockets.client import ClientProtocol

READ_BYTES: Final = 64 << 10


class WebSocket:
    """A connection that one thread at a time reads and answers.

    Args:
        connection: Connected, and with TLS where that is wanted.
        protocol: Of a client, before its request.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        connection: socket.socket,
        protocol: "ClientProtocol",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._protocol = protocol
        self._clock = clock
        self._parts: list[bytes] = []
        self._messages: deque[bytes] = deque()

    def open(self, headers: Mapping[str, str], *, within_s: float) -> None:
        """Ask for it, and wait for the answer.

        Raises:
            OSError: the connection ended, or no answer came in time.
            websockets.exceptions.WebSocketException: the server refused it.
        """
        from websockets.protocol import State

        deadline = self._clock() + within_s
        request = self._protocol.connect()
        request.headers.update(headers)
        self._protocol.send_request(request)
        self._send()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            self._take_in(deadline)
        if self._protocol.handshake_exc is not None:
            raise self._protocol.handshake_exc

    def recv(self, timeout_s: float) -> bytes:
        """The next message.

        Raises:
            TimeoutError: none came in time; the next may be waited for.
            OSError: the connection ended.
            websockets.exceptions.ConnectionClosed: the server has closed it.
        """
        from websockets.protocol import State

        deadline = self._clock() + timeout_s
        while not self._messages:
            if self._protocol.state is State.CLOSED:
                raise self._protocol.close_exc
            self._take_in(deadline)
        return self._messages.popleft()

    def _take_in(self, deadline: float) -> None:
        from websockets.frames import Frame, Opcode

        of_messages = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
        left_s = deadline - self._clock()
        if left_s <= 0:
            raise TimeoutError("nothing came in time")
        self._connection.settimeout(left_s)
        if data := self._connection.recv(READ_BYTES):
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._send()
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in of_messages:
                self._parts.append(bytes(event.data))
                if event.fin:
                    self._messages.append(b"".join(self._parts))
                    self._parts.clear()
        if self._protocol.close_expected():
            self._protocol.receive_eof()  # a server that says good-bye and stays holds nobody

    def _send(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._connection.sendall(data)


@contextmanager
def websocket(
    url: str, *, headers: Mapping[str, str], tls: ssl.SSLContext | None, open_within_s: float
) -> Iterator[WebSocket]:
    """A connection that is open, and is broken off at the end of the block.

    Raises:
        OSError: it could not be made in time.
        websockets.exceptions.WebSocketException: the server refused it.
    """
    from websockets.client import ClientProtocol
    from websockets.uri import parse_uri

    where = parse_uri(url)
    began = time.monotonic()

    def left_s() -> float:
        return max(0.001, began + open_within_s - time.monotonic())

    connection = socket.create_connection((where.host, where.port), timeout=left_s())
    try:
        if tls is not None:
            connection.settimeout(left_s())
            connection = tls.wrap_socket(connection, server_hostname=where.host)
        # No extension: Ray 2.60 passes our offer of compression on to another connection, whose
        # answer then does not fit ours. No limit: a chunk holds whole lines, however long.
        stream = WebSocket(connection, ClientProtocol(where, max_size=None))
        stream.open(headers, within_s=left_s())
        yield stream
    finally:
        connection.close()


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
        self._stream: WebSocket | None = None
        self._error: Exception | None = None
        self._decided = threading.Event()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="websocket", daemon=True)

    def wait(self, timeout_s: float) -> WebSocket | None:
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
