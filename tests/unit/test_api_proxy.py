"""The proxy before an API server that knows its users by their certificates, as kind's does."""

import base64
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
from tests.kubernetes.faults.api_proxy import in_front_of
from tests.kubernetes.testbed.cluster import Cluster

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


class _WhoAsks(http.server.BaseHTTPRequestHandler):
    """Answers with the name in the certificate of who asks."""

    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        subject: Any = (self.connection.getpeercert() or {})["subject"]
        body = dict(pair for (pair,) in subject)["commonName"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


def test_the_proxy_shows_the_certificate_of_the_kubeconfigs_user(cluster: Cluster) -> None:
    with in_front_of(cluster) as proxy:
        (target,) = json.loads(proxy.cluster.kubeconfig.read_text())["clusters"]
        authority = base64.b64decode(target["cluster"]["certificate-authority-data"]).decode()
        trusted = ssl.create_default_context(cadata=authority)
        with urllib.request.urlopen(target["cluster"]["server"], context=trusted) as answer:
            assert answer.read() == b"user"
