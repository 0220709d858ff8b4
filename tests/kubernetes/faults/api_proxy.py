"""A proxy in front of the API server, for the clients under test: it fails on demand.

Everything else, the operator and the node, speaks to the API server itself and notices nothing. It
passes on requests, streams of lines (lists, watches, logs) and WebSockets, as of a head's log.

Who asks is told by what a request carries, such as a token. Where the kubeconfig has a certificate
instead (kind), the proxy shows that to the API server, for all that ask it.
"""

import base64
import contextlib
import http.client
import http.server
import json
import socket
import ssl
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.certificates import encoded, self_signed
from tests.kubernetes.faults.api_script import (
    Action,
    Answer,
    Cut,
    Delay,
    Hold,
    HoldAnswer,
    LoseAnswer,
    Rule,
    Seen,
    Truncate,
)
from tests.kubernetes.testbed.cluster import Cluster

_OF_ONE_CONNECTION: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "transfer-encoding", "upgrade"}
)
_AT_ONCE: Final = 1 << 16


@dataclass(kw_only=True, slots=True)
class ApiProxy:
    """The proxy; `in_front_of` runs one.

    Attributes:
        cluster: The cluster as seen through it: its kubeconfig, kubectl and Python client.
        seen: All requests so far.
    """

    cluster: Cluster
    seen: list[Seen] = field(default_factory=list)
    _rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def failing(
        self,
        action: Action,
        *,
        method: str = "",
        path: str = "",
        skip: int = 0,
        times: int | None = None,
    ) -> Iterator[None]:
        """Let something befall requests; `Rule` explains the arguments. The first rule wins."""
        rule = Rule(action=action, method=method, path=path, skip=skip, times=times)
        with self._lock:
            self._rules.append(rule)
        try:
            yield
        finally:
            with self._lock:
                self._rules[:] = [other for other in self._rules if other is not rule]

    def befalls(self, method: str, path: str) -> Action | None:
        """Note a request; what befalls it."""
        with self._lock:
            rule = next((rule for rule in self._rules if rule.takes(method, path)), None)
            action = rule.action if rule else None
            self.seen.append(Seen(method=method, path=path, action=action))
        return action


@contextlib.contextmanager
def in_front_of(cluster: Cluster, *, address: str = "127.0.0.1") -> Iterator[ApiProxy]:
    """Run a proxy.

    Args:
        cluster: Whose API server; its kubeconfig has the authority's certificate.
        address: Where it listens. Pods reach it at `layout.HOST_ADDRESS`.
    """
    with tempfile.TemporaryDirectory(prefix="api-proxy-") as name:
        folder = Path(name)
        # Flattened, so that certificates are in it and not in files.
        view = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        said = json.loads(cluster.kubectl(*view))
        (target,) = said["clusters"]
        (user,) = said["users"]
        upstream = _Upstream.of(target["cluster"], user["user"], folder)
        self_signed(folder, "proxy", address=address)
        proxy = ApiProxy(cluster=replace(cluster, kubeconfig=folder / "kubeconfig"))
        server = _Server((address, 0), proxy, upstream, folder)
        target["cluster"] = {
            "server": f"https://{address}:{server.server_port}",
            "certificate-authority-data": encoded(folder / "proxy.crt"),
        }
        proxy.cluster.kubeconfig.write_text(json.dumps(said))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            server.break_all()
            server.server_close()


@dataclass(frozen=True, slots=True)
class _Upstream:
    """The API server, and how to be sure that it is."""

    host: str
    port: int
    trusted: ssl.SSLContext

    @classmethod
    def of(cls, target: dict[str, str], user: dict[str, Any], folder: Path) -> "_Upstream":
        url = urllib.parse.urlsplit(target["server"])
        authority = base64.b64decode(target["certificate-authority-data"]).decode()
        trusted = ssl.create_default_context(cadata=authority)
        if "client-certificate-data" in user:
            _show(trusted, user, folder / "client.pem")
        return cls(str(url.hostname), url.port or 443, trusted)

    def connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.trusted)
        connection.connect()
        return connection


class _Server(http.server.ThreadingHTTPServer):
    # Closing waits for the requests, whose connections `break_all` has broken.
    daemon_threads = False

    def __init__(
        self, address: tuple[str, int], proxy: ApiProxy, upstream: _Upstream, folder: Path
    ) -> None:
        super().__init__(address, _Handler)
        self.proxy = proxy
        self.upstream = upstream
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(folder / "proxy.crt", folder / "proxy.key")
        # The handshake is left to the thread of the connection.
        self.socket = own.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @contextlib.contextmanager
    def breakable(self, connection: socket.socket) -> Iterator[None]:
        """Closing the server breaks this connection, whoever waits on it."""
        with self._lock:
            self._open.add(connection)
            if self.closing.is_set():
                _break(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def break_all(self) -> None:
        with self._lock:
            self.closing.set()
            for connection in self._open:
                _break(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients come and go; anything else is a mistake of the proxy's own.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle(self) -> None:
        with self.server.breakable(self.connection):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `ApiProxy.seen` has it."""

    def do_GET(self) -> None:
        try:
            self._act(self.server.proxy.befalls(self.command, self.path))
        except (OSError, http.client.HTTPException):
            # The client has gone, or the API server: then it is gone for the client too.
            self._cut()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _act(self, action: Action | None) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if isinstance(action, Answer):
            self._answer(action)
            return
        if isinstance(action, Delay):
            self.server.closing.wait(action.seconds)
        if isinstance(action, Hold):
            self._wait(action.until)
            if action.lost():
                self._cut()
                return
        connection = self.server.upstream.connect()
        sock = connection.sock  # an answer may take it from the connection
        with contextlib.closing(connection), self.server.breakable(sock):
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in _OF_ONE_CONNECTION
            }
            if upgrade := self.headers.get("Upgrade"):
                headers |= {"Connection": "Upgrade", "Upgrade": upgrade}
            connection.request(self.command, self.path, body or None, headers)
            with connection.getresponse() as response:
                if isinstance(action, LoseAnswer):
                    response.read()
                    self._cut()
                    return
                if isinstance(action, HoldAnswer):
                    self._wait(action.until)
                if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                    self._pass_on_both_ways(sock, response)
                    return
                self._pass_on(response, action)

    def _wait(self, until: threading.Event) -> None:
        while not until.wait(0.05) and not self.server.closing.is_set():
            pass

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.retry_after_s is not None:
            self.send_header("Retry-After", str(answer.retry_after_s))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _pass_on(self, response: http.client.HTTPResponse, action: Action | None) -> None:
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, value)
        if self.command == "HEAD" or response.status in (204, 304):
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if isinstance(action, Cut | Truncate):
            for _ in range(action.after_lines):
                self._send_chunk(response.readline())
        if isinstance(action, Cut):
            self._cut()
            return
        if isinstance(action, Truncate):
            line = response.readline()
            self._send_chunk(line[: len(line) // 2])
        else:
            while piece := response.read1(_AT_ONCE):
                self._send_chunk(piece)
        self.wfile.write(b"0\r\n\r\n")

    def _pass_on_both_ways(
        self, upstream: socket.socket, response: http.client.HTTPResponse
    ) -> None:
        """A WebSocket, until one of both ends it."""
        self.send_response(response.status)
        for name, value in response.getheaders():
            self.send_header(name, value)
        self.end_headers()

        def pass_back() -> None:
            with contextlib.suppress(OSError):
                while piece := response.fp.read1(_AT_ONCE):
                    self.wfile.write(piece)
            self._cut()

        back = threading.Thread(target=pass_back, daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while piece := self.rfile.read1(_AT_ONCE):
                upstream.sendall(piece)
        _break(upstream)
        back.join()
        self.close_connection = True

    def _send_chunk(self, piece: bytes) -> None:
        if piece:  # an empty one would end the answer
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _cut(self) -> None:
        self.close_connection = True
        _break(self.connection)


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _show(context: ssl.SSLContext, user: dict[str, Any], file: Path) -> None:
    """Let a context show the user's certificate; it takes both only from a file."""
    file.touch(mode=0o600)
    try:
        parts = ("client-certificate-data", "client-key-data")
        file.write_bytes(b"\n".join(base64.b64decode(user[part]) for part in parts))
        context.load_cert_chain(file)
    finally:
        file.unlink()
