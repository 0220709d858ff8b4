"""`python -m tests.support.kuberay`: the double, in a pod or with the KUBECONFIG at hand.

Options of the real operator are accepted, so that one Deployment serves both; only the address of
the health probe means anything here.
"""

import argparse
import logging
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.kuberay import operator
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
    parser = argparse.ArgumentParser(prog="kuberay-double", description=__doc__)
    parser.add_argument("--health-probe-bind-address", default=":8082", metavar="HOST:PORT")
    options, _ = parser.parse_known_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    operator.start(Api.connect())
    host, _, port = options.health_probe_bind_address.rpartition(":")
    health = ThreadingHTTPServer((host, int(port)), _Health)
    threading.Thread(target=health.serve_forever, daemon=True).start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    main()
