"""`python -m tests.support.kuberay`: the double, in a pod or with the KUBECONFIG at hand."""

import logging
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.kuberay import operator, settings
from tests.support.kuberay.api import Api


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Probes are not worth a line each."""


def main() -> None:
    """Run until SIGTERM."""
    chosen = settings.read(sys.argv[1:], os.environ)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    operator.start(Api.connect(), chosen)
    health = ThreadingHTTPServer((chosen.health_host, chosen.health_port), _Health)
    threading.Thread(target=health.serve_forever, daemon=True).start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    main()
