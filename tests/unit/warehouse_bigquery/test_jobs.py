"""A job whose waiter has gone is cancelled: it would run on, and be paid for."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ml_platform.errors import WarehouseError
from ml_platform.settings import Settings
from ml_platform.warehouse import bigquery_clients
from ml_platform.warehouse.bigquery_jobs import BigQueryJobs


class RunsForEver(BaseHTTPRequestHandler):
    """BigQuery's REST API with one job, which never ends; whoever asks about it is refused."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self._answer(200, {"job": JOB} if self.path.split("?")[0].endswith("/cancel") else JOB)

    def do_GET(self) -> None:
        self._answer(403, {"error": {"code": 403, "message": "no more for you"}})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        self.server.asked.append(f"{self.command} {self.path.split('?')[0]}")  # type: ignore[attr-defined]
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the requests are in `asked`."""


JOB = {
    "id": "p:EU.j",
    "jobReference": {"projectId": "p", "jobId": "j", "location": "EU"},
    "configuration": {"jobType": "QUERY", "query": {"query": "SELECT 1"}},
    "status": {"state": "RUNNING"},
    "statistics": {},
}


@pytest.fixture
def server() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RunsForEver)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_query_that_nobody_waits_for_any_more_is_cancelled(server: Any) -> None:
    settings = Settings(
        bigquery_project="p",
        bigquery_api_endpoint=f"http://127.0.0.1:{server.server_port}",
    )
    with contextlib.closing(bigquery_clients.rest_client(settings)) as client:
        jobs = BigQueryJobs(client, settings, retry_s=0.2)
        with pytest.raises(WarehouseError, match="no more for you"):
            jobs.run("run the statement", "SELECT 1")
    assert server.asked[-1] == "POST /bigquery/v2/projects/p/jobs/j/cancel"
