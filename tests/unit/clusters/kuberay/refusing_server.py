"""An API server that lists nothing and answers what is to be made or changed as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ml_platform.clusters.kuberay.access import ApiAccess
from ml_platform.clusters.kuberay.api import KubernetesApi
from tests.unit.clusters.fake_time import FakeTime


@dataclass(kw_only=True)
class RefusingServer:
    """What it answers.

    Attributes:
        url: Its address.
        answers: Status and message for each create, in turn; the last for all that follow.
        listed: Status and text with which a list is refused; None if it is not.
        time: Of those who ask.
        creates: How often it was asked to make something.
        patches: Path and body of each change that it was asked for.
        patched: Status of the answers to these.
    """

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)
    listed: tuple[int, str] | None = None
    time: FakeTime = field(default_factory=FakeTime)
    creates: int = 0
    patches: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    patched: int = 200

    @property
    def api(self) -> KubernetesApi:
        """Requests to it."""
        access = ApiAccess(server=self.url, inside=False, headers=dict, tls=None)
        return KubernetesApi(access, clock=self.time.clock, sleep=self.time.sleep)

    def create(self) -> tuple[int, bytes]:
        """Answer a request to make something."""
        at = min(self.creates, len(self.answers) - 1)
        self.creates += 1
        code, message = self.answers[at]
        said: dict[str, Any]
        said = {"metadata": {"name": "c-1"}} if code < 300 else {"kind": "Status", "code": code}
        return code, json.dumps(said | {"message": message}).encode()


@contextmanager
def refusing_server() -> Iterator[RefusingServer]:
    """A server on a port of its own, until the end of the block."""
    server = RefusingServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, text = server.listed or (200, json.dumps({"metadata": {}, "items": []}))
            self._answer(code, text.encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(*server.create())

        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.patches.append((self.path, body))
            self._answer(server.patched, b"{}")

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """What matters is kept."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
