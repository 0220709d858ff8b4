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
    """

    api: Api
    writes: list[tuple[str, str, Object]] = field(default_factory=list)

    def written(self, method: str, part_of_path: str) -> list[Object]:
        """Bodies of the writes of this kind."""
        return [body for how, path, body in self.writes if how == method and part_of_path in path]


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """A server on a port of its own, until the end of the block."""
    from kubernetes import client

    class Handler(BaseHTTPRequestHandler):
        def _write(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.writes.append((self.command, self.path.partition("?")[0], body))
            meta = {"uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
            meta |= body.get("metadata", {})
            meta["resourceVersion"] = str(1000 + len(server.writes))
            answer = json.dumps({**body, "metadata": meta}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_PATCH = _write

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
