"""A server that takes a connection and never answers holds nobody."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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
