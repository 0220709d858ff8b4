"""An API server of a few objects and logs: lists, watches that stay open, and pods' logs."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from ml_platform.clusters.kuberay.access import ApiAccess
from ml_platform.clusters.kuberay.api import KubernetesApi

HANGS: Final = "it hangs"


@dataclass(kw_only=True)
class KubernetesServer:
    """What it has and was asked.

    Attributes:
        url: Its address.
        objects: Those of each list, by the end of its path.
        changes: Lines that the watches of a path send, by the end of its path.
        documents: What is answered whole, by the end of its path.
        refused: Status with which a path is refused, by its end; of a deletion with `DELETE `
            before it.
        logs: By pod, container and whether of the previous run; what is not there is refused, and
            `HANGS` is never answered.
        asked: Path and query of each request for a log.
        requests: Path of each request.
        deleted: The end of each path that was deleted.
    """

    url: str = ""
    objects: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    changes: dict[str, "SimpleQueue[Mapping[str, Any]]"] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    logs: dict[tuple[str, str, bool], str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def access(self) -> ApiAccess:
        """How it is reached."""
        return ApiAccess(server=self.url, inside=False, headers=dict, tls=None)

    @property
    def api(self) -> KubernetesApi:
        """Requests to it."""
        return KubernetesApi(self.access, away_s=0)

    def log(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        """Answer a request for a log."""
        self.asked.append((path, query))
        which = (path.split("/")[-2], query["container"], query.get("previous") == "true")
        text = self.logs.get(which)
        if text == HANGS:
            self.ended.wait()
        if text is None:
            return 400, json.dumps({"message": "previous terminated container not found"}).encode()
        lines = text.splitlines(keepends=True)[-int(query["tailLines"]) :]
        return 200, "".join(lines).encode()

    def listed(self, kind: str, query: dict[str, str]) -> bytes:
        """A list of this kind; of field selectors only those of events are followed."""
        found = self.objects.get(kind, [])
        if kind == "events":
            found = [one for one in found if _is_selected(one, query.get("fieldSelector", ""))]
        return json.dumps({"metadata": {"resourceVersion": "1"}, "items": found}).encode()


@contextmanager
def kubernetes_server() -> Iterator[KubernetesServer]:
    """A server on a port of its own, until the end of the block."""
    server = KubernetesServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            kind = url.path.rpartition("/")[2]
            server.requests.append(url.path)
            if kind == "log":
                self._answer(*server.log(url.path, query))
            elif kind in server.refused:
                self._answer(server.refused[kind], b'{"message": "refused"}')
            elif kind in server.documents:
                self._answer(200, json.dumps(server.documents[kind]).encode())
            elif "watch" in query:
                self._watch(server.changes.get(kind))
            else:
                self._answer(200, server.listed(kind, query))

        def do_DELETE(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            name = self.path.rpartition("/")[2]
            if refused := server.refused.get(f"DELETE {name}"):
                self._answer(refused, b'{"message": "refused"}')
                return
            server.deleted.append(name)
            self._answer(200, b"{}")

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _watch(self, changes: "SimpleQueue[Mapping[str, Any]] | None") -> None:
            self.send_response(200)
            self.end_headers()
            while not server.ended.is_set():
                if changes is None or changes.empty():
                    time.sleep(0.01)
                    continue
                self.wfile.write(json.dumps(changes.get()).encode() + b"\n")
                self.wfile.flush()

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
        server.ended.set()
        http.shutdown()
        http.server_close()
        thread.join()


def _is_selected(event: Mapping[str, Any], selector: str) -> bool:
    for term in filter(None, selector.split(",")):
        field, operator, value = term.partition("!=") if "!=" in term else term.partition("=")
        if (event[field] == value) is (operator == "!="):
            return False
    return True
