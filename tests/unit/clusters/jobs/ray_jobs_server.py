"""A server that speaks Ray's Jobs API, HTTP and WebSocket, and does what a test scripted."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self

from aiohttp import web

TOKEN = "open sesame"


NO_SERVICE: Final = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "message": 'services "one-head-svc" not found',
    "reason": "NotFound",
    "code": 404,
}
"""What Kubernetes' API server says where the service of a head is gone."""
NO_RIGHT: Final = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "message": 'services "one-head-svc:8265" is forbidden: User "ada" cannot get resource '
    '"services/proxy" in API group "" in the namespace "ns"',
    "reason": "Forbidden",
    "code": 403,
}
"""What it says to an account that may not reach it, and to all while it starts."""


@dataclass(kw_only=True)
class ScriptedJob:
    """A job.

    Attributes:
        statuses: What is answered, one after another; the last stays.
        log: The whole log.
        cuts: After how many characters each further stream of the log breaks.
        hangs: Whether a stream stays open in silence after the log's end.
        ends_as: The status once a stream came to the log's end.
        ended_ms: When it ended, since 1970; 0 if it has not.
    """

    statuses: list[str]
    log: str = ""
    cuts: list[int] = field(default_factory=list)
    hangs: bool = False
    ends_as: str = "SUCCEEDED"
    message: str = ""
    ended_ms: int = 0
    started_ms: int = 0
    error_type: str = ""


class RayJobsServer:
    """Runs in a thread; a context manager.

    Attributes:
        jobs: Jobs by submission id.
        requests: What was asked, as `METHOD path`.
        submitted: Bodies of submissions.
        packages: Archives by name.
        node_states: The State API's word for each node.
        failures: How many of the next requests are answered with HTTP 500.
        unreached: How many of the next requests the API server answers that stands before the head.
        forbidden: How many of the next requests it refuses.
        loses_answers: How many of the next submissions are accepted, but answered with HTTP 500.
        unseen: How many of the next questions for a job are answered with HTTP 404.
        log_status: The HTTP status of requests for a log, and for a stream of it.
        hanging: Ends of paths, `logs`, `logs/tail` or a job's id: such requests are never answered.
        broken_off: Those of them that whoever asked has broken off.
        stop_status: What a stopped job becomes.
        token: What a request has to bring; None if everybody may come in.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, ScriptedJob] = {}
        self.requests: list[str] = []
        self.submitted: list[dict[str, Any]] = []
        self.packages: dict[str, bytes] = {}
        self.node_states = ["ALIVE"]
        self.failures = 0
        self.unreached = 0
        self.forbidden = 0
        self.loses_answers = 0
        self.unseen = 0
        self.log_status = 200
        self.hanging: frozenset[str] = frozenset()
        self.broken_off: list[str] = []
        self.stop_status = "STOPPED"
        self.token: str | None = TOKEN
        self.url = ""
        self._driver: Callable[[dict[str, Any]], ScriptedJob]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None
        self.next_jobs()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def next_jobs(self, **script: Any) -> None:
        """What jobs do that are submitted from now on, see `ScriptedJob`."""
        self._driver = lambda body: ScriptedJob(statuses=["RUNNING"], **script)

    def driven_by(self, driver: Callable[[dict[str, Any]], ScriptedJob]) -> None:
        """What a submission becomes from now on, by its body."""
        self._driver = driver

    def close(self) -> None:
        """Stop answering, as a head that is gone."""
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._close(self._runner), self._loop).result()
            self._runner = None
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _open(self) -> None:
        app = web.Application(middlewares=[self._door], client_max_size=100 * 2**20)
        app.router.add_get("/api/v0/nodes", self._nodes)
        app.router.add_get("/api/packages/gcs/{name}", self._package)
        app.router.add_put("/api/packages/gcs/{name}", self._upload)
        app.router.add_get("/api/jobs/", self._list)
        app.router.add_post("/api/jobs/", self._submit)
        app.router.add_get("/api/jobs/{id}", self._job)
        app.router.add_post("/api/jobs/{id}/stop", self._stop)
        app.router.add_get("/api/jobs/{id}/logs", self._logs)
        app.router.add_get("/api/jobs/{id}/logs/tail", self._tail)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self, runner: web.AppRunner) -> None:
        await runner.cleanup()
        streams = asyncio.all_tasks() - {asyncio.current_task()}
        for hanging in streams:
            hanging.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        brought = request.headers.get("Authorization")
        if self.token is not None and brought != f"Bearer {self.token}":
            return web.Response(status=401, text="Unauthorized: Missing authentication token")
        if self.unreached > 0:
            self.unreached -= 1
            return web.json_response(NO_SERVICE, status=404)
        if self.forbidden > 0:
            self.forbidden -= 1
            return web.json_response(NO_RIGHT, status=403)
        if self.failures > 0:
            self.failures -= 1
            return web.Response(status=500, text="scripted failure")
        if any(request.path.endswith(f"/{one}") for one in self.hanging):
            await self._hang(request)
        if request.path.endswith(("/logs", "/logs/tail")) and self.log_status != 200:
            return web.Response(status=self.log_status, text="scripted refusal of the log")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _hang(self, request: web.Request) -> None:
        try:
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.02)
        finally:
            self.broken_off.append(f"{request.method} {request.path}")

    async def _nodes(self, request: web.Request) -> web.Response:
        nodes = [{"state": state} for state in self.node_states]
        return web.json_response({"result": True, "data": {"result": {"result": nodes}}})

    async def _package(self, request: web.Request) -> web.Response:
        found = request.match_info["name"] in self.packages
        return web.Response() if found else web.Response(status=404, text="does not exist")

    async def _upload(self, request: web.Request) -> web.Response:
        self.packages[request.match_info["name"]] = await request.read()
        return web.Response()

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response([self._show(submission) for submission in self.jobs])

    async def _job(self, request: web.Request) -> web.Response:
        submission = request.match_info["id"]
        if submission not in self.jobs or self.unseen > 0:
            self.unseen = max(0, self.unseen - 1)
            return web.Response(status=404, text=f"Job {submission} does not exist")
        return web.json_response(self._show(submission))

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        submission = body["submission_id"]
        if submission in self.jobs:
            return web.Response(
                status=500, text=f"ValueError: Job with submission_id {submission} already exists."
            )
        self.submitted.append(body)
        self.jobs[submission] = self._driver(body)
        if self.loses_answers > 0:
            self.loses_answers -= 1
            return web.Response(status=500, text="scripted loss of an answer")
        return web.json_response({"submission_id": submission})

    async def _stop(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.jobs:
            return web.Response(status=404, text="no such job")
        self.jobs[request.match_info["id"]].statuses = ["RUNNING", self.stop_status]
        return web.json_response({"stopped": True})

    async def _logs(self, request: web.Request) -> web.Response:
        return web.json_response({"logs": self.jobs[request.match_info["id"]].log})

    async def _tail(self, request: web.Request) -> web.WebSocketResponse:
        job = self.jobs[request.match_info["id"]]
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        if job.cuts:
            await stream.send_str(job.log[: job.cuts.pop(0)])
            assert request.transport is not None
            request.transport.close()  # no closing handshake: the connection breaks
            return stream
        for start in range(0, len(job.log), 7):
            await stream.send_str(job.log[start : start + 7])
        job.statuses = [job.ends_as]
        if job.hangs:
            await asyncio.Event().wait()
        return stream

    def _show(self, submission: str) -> dict[str, Any]:
        job = self.jobs[submission]
        status = job.statuses.pop(0) if len(job.statuses) > 1 else job.statuses[0]
        return {
            "submission_id": submission,
            "status": status,
            "message": job.message,
            "start_time": job.started_ms,
            "end_time": job.ended_ms or None,
            "error_type": job.error_type or None,
        }
