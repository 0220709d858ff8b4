"""A stream has one thread, and a server that never answers, or stays, holds nobody."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from ml_platform.clusters.jobs.websocket import websocket
from tests.kubernetes.certificates import self_signed

WITHIN_S = 0.5


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    self_signed(tmp_path, "server", address="127.0.0.1")
    return ssl.create_default_context(cafile=str(tmp_path / "server.crt"))


@pytest.fixture
def silent(tls: ssl.SSLContext, tmp_path: Path) -> Iterator[int]:
    """The port of a server of TLS 1.3, which sends its session tickets and then nothing."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    taken: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            taken.append(own.wrap_socket(connection, server_side=True))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listening.getsockname()[1])
        for one in taken:
            one.close()
    thread.join()


def test_a_server_that_never_answers_is_given_up_in_time(silent: int, tls: ssl.SSLContext) -> None:
    began = time.monotonic()
    ended: list[BaseException] = []

    def open_it() -> None:
        try:
            with websocket(
                f"wss://127.0.0.1:{silent}/", headers={}, tls=tls, open_within_s=WITHIN_S
            ):
                pass
        except OSError as error:
            ended.append(error)

    # In a thread: what hangs here hangs for ever.
    thread = threading.Thread(target=open_it, daemon=True)
    thread.start()
    thread.join(20 * WITHIN_S)

    assert [type(one) for one in ended] == [TimeoutError]
    assert time.monotonic() - began < 20 * WITHIN_S


@pytest.fixture
def talking(tls: ssl.SSLContext, tmp_path: Path) -> Iterator[int]:
    """The port of a server that says a message in two parts, is silent, pings and says good-bye."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")

    def talk(connection: ServerConnection) -> None:
        connection.send(iter(["a line, ", "and its end\n"]))
        time.sleep(2 * WITHIN_S)
        assert connection.ping().wait(20 * WITHIN_S)
        connection.send(f"{connection.request.headers['a-token']}\n" if connection.request else "")

    with serve(talk, "127.0.0.1", 0, ssl=own, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.socket.getsockname()[1])


def test_messages_pings_and_the_end_come_in_the_thread_that_waits(
    talking: int, tls: ssl.SSLContext
) -> None:
    with websocket(
        f"wss://127.0.0.1:{talking}/log",
        headers={"a-token": "secret"},
        tls=tls,
        open_within_s=20 * WITHIN_S,
    ) as stream:
        assert stream.recv(20 * WITHIN_S) == b"a line, and its end\n"
        with pytest.raises(TimeoutError):
            stream.recv(0.1)
        assert stream.recv(20 * WITHIN_S) == b"secret\n"
        with pytest.raises(ConnectionClosedOK):
            stream.recv(20 * WITHIN_S)


def test_a_server_that_refuses_is_told_in_its_words(tls: ssl.SSLContext, tmp_path: Path) -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")

    def refuse(connection: ServerConnection, request: Request) -> Response:
        del request
        return connection.respond(403, "no token")

    with serve(lambda one: None, "127.0.0.1", 0, ssl=own, process_request=refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with (
            pytest.raises(InvalidStatus, match="403"),
            websocket(f"wss://127.0.0.1:{port}/", headers={}, tls=tls, open_within_s=10.0),
        ):
            pass
