"""An API server that takes every write, gives it a version, and shows it to the test."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.kuberay.api import Api, Object


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiServer:
    """A server at work.

    Attributes:
        api: Requests to it.
        writes: Method, path and body of what was written, in order.
        refused: Methods with ends of paths, which are answered with 403 and `no`.
    """

    api: Api
    writes: list[tuple[str, str, Object]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def written(self, method: str, part_of_path: str) -> list[Object]:
        """Bodies of the writes of this kind."""
        return [body for how, path, body in self.writes if how == method and part_of_path in path]


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """A server on a port of its own, until the end of the block."""
    from kubernetes import client

    class Handler(BaseHTTPRequestHandler):
        def _write(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
            path = self.path.partition("?")[0]
            if any(how == self.command and path.endswith(end) for how, end in server.refused):
                self._answer(403, {"message": "no"})
                return
            server.writes.append((self.command, path, body))
            number = 1000 + len(server.writes)
            meta = {"uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
            meta |= {"name": f"n{number}", **body.get("metadata", {})}
            meta["resourceVersion"] = str(number)
            self._answer(200, {**body, "metadata": meta})

        do_POST = do_PUT = do_PATCH = do_DELETE = _write

        def _answer(self, code: int, body: Object) -> None:
            answer = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """The writes are kept, that is enough."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = f"http://127.0.0.1:{http.server_port}"
    it = client.ApiClient(client.Configuration(host=host))
    server = ApiServer(api=Api(it))
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        it.rest_client.pool_manager.clear()
        http.shutdown()
        http.server_close()
        thread.join()
