"""The proxy before an API server that knows its users by their certificates, as kind's does."""

import base64
import http.client
import http.server
import json
import shutil
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.certificates import encoded, self_signed
from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.testbed.cluster import Cluster

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


class _WhoAsks(http.server.BaseHTTPRequestHandler):
    """Answers with the name in the certificate of who asks."""

    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self._echo()
            return
        subject: Any = (self.connection.getpeercert() or {})["subject"]
        body = dict(pair for (pair,) in subject)["commonName"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _echo(self) -> None:
        """One line comes back in capitals, and the connection ends."""
        self.protocol_version = "HTTP/1.1"
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.wfile.write(self.rfile.readline().upper())
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """An API server that lets in nobody without a certificate, and a kubeconfig that has one."""
    for name in ("server", "user"):
        self_signed(tmp_path, name, address="127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _WhoAsks)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    own.load_verify_locations(tmp_path / "user.crt")
    own.verify_mode = ssl.CERT_REQUIRED
    server.socket = own.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    config = {
        "clusters": [
            {
                "name": "kind",
                "cluster": {
                    "server": f"https://127.0.0.1:{server.server_port}",
                    "certificate-authority-data": encoded(tmp_path / "server.crt"),
                },
            }
        ],
        "users": [
            {
                "name": "kind",
                "user": {
                    "client-certificate-data": encoded(tmp_path / "user.crt"),
                    "client-key-data": encoded(tmp_path / "user.key"),
                },
            }
        ],
    }
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(config)}\nEND\n")
    kubectl.chmod(0o755)
    try:
        yield Cluster(
            kubeconfig=tmp_path / "kubeconfig",
            kubectl_program=str(kubectl),
            image="",
            another_image="",
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def address_of(proxy: ApiProxy) -> tuple[str, ssl.SSLContext]:
    (target,) = json.loads(proxy.cluster.kubeconfig.read_text())["clusters"]
    authority = base64.b64decode(target["cluster"]["certificate-authority-data"]).decode()
    return target["cluster"]["server"], ssl.create_default_context(cadata=authority)


def test_the_proxy_passes_on_what_is_no_http_any_more_both_ways_and_to_its_end(
    cluster: Cluster,
) -> None:
    with in_front_of(cluster) as proxy:
        url, trusted = address_of(proxy)
        connection = http.client.HTTPSConnection(url.removeprefix("https://"), context=trusted)
        connection.request("GET", "/", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
        with connection.getresponse() as answer:
            assert answer.status == 101
            connection.sock.sendall(b"hello\n")
            assert answer.fp.readline() == b"HELLO\n"
            assert answer.fp.read1() == b""
        connection.close()


def test_the_proxy_shows_the_certificate_of_the_kubeconfigs_user(cluster: Cluster) -> None:
    with in_front_of(cluster) as proxy:
        url, trusted = address_of(proxy)
        with urllib.request.urlopen(url, context=trusted) as answer:
            assert answer.read() == b"user"
