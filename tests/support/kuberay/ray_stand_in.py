#!/usr/bin/env python3
"""A program called `ray` that is not Ray: `start`, `health-check` and the Jobs API, ready at once.

Pods of the conformance suite find it first on their PATH, from a ConfigMap, so that the operator's
own commands run unchanged. One file, standard library only.

    ray start --head --block        health on 52365, Jobs API on 8265, "GCS" on 6379
    ray start --address=… --block   health on 52365, runs tasks, leaves a head that was replaced
    ray health-check --address=…    whether the "GCS" answers
    ray task sleep 12               for entrypoints: a task on a worker; again elsewhere if it dies
    ray task eat | eat-all          a task that takes all memory: in a child, or in the worker
    ray eat                         for entrypoints: the driver itself takes all memory
    ray eat-all                     for entrypoints: the head itself takes all memory

Like Ray it ends on SIGTERM with exit code 1, but not before its jobs and tasks have ended.
`STAND_IN_STARTUP_S` delays health, `STAND_IN_GCS_S` the "GCS", `STAND_IN_JOIN_S` health checks;
with `STAND_IN_DEAF` SIGTERM is ignored, as by a Ray in its first seconds.
"""

import http.client
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

AGENT_PORT, DASHBOARD_PORT, GCS_PORT = 52365, 8265, 6379
OPTIONS = {
    *("address", "block", "dashboard-agent-listen-port", "dashboard-host", "dashboard-port"),
    *("head", "labels", "memory", "metrics-export-port", "no-monitor", "num-cpus", "num-gpus"),
    *("port", "resources"),
}
# Longer than the operator's 3 s between two looks: it always sees a job pending. One that is slow
# to look is waited for.
PENDING_S = 3.5
PENDING_UNSEEN_S = 8.0
STOP_S = 1.0
# Ray's own takes half a minute; a head that only restarts must have been looked at before.
LEAVE_S = 12.0
DEAD_NODE_S = 3.0
TASK_SILENCE_S = 3.0
TASK_TRIES = 4
BITE = 8 << 20
STARTED = time.monotonic()


class Job:
    """A driver: its entrypoint in a shell, pending for a moment like Ray's."""

    def __init__(self, submission: dict[str, Any]) -> None:
        self.id = submission.get("submission_id") or f"raysubmit_{uuid.uuid4().hex[:16]}"
        self.submission = submission
        self.status, self.message = "PENDING", "Job has not started yet."
        self.start_ms, self.end_ms = int(time.time() * 1000), 0
        self.exit_code: int | None = None
        self.log = tempfile.NamedTemporaryFile(mode="w+b", delete=False)  # noqa: SIM115
        self.stopped = threading.Event()
        self.seen_pending = False
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def active(self) -> bool:
        return self.status in ("PENDING", "RUNNING")

    def stop(self) -> bool:
        was_active = self.active
        self.stopped.set()
        return was_active

    def logs(self) -> str:
        with open(self.log.name, errors="replace") as log:  # noqa: PTH123
            return log.read()

    def told(self) -> dict[str, Any]:
        self.seen_pending = self.seen_pending or self.status == "PENDING"
        return {
            "type": "SUBMISSION",
            "submission_id": self.id,
            "status": self.status,
            "entrypoint": self.submission.get("entrypoint"),
            "message": self.message,
            "start_time": self.start_ms,
            "end_time": self.end_ms or None,
            "metadata": self.submission.get("metadata") or {},
            "driver_exit_code": self.exit_code,
        }

    def _pends(self) -> bool:
        pending_s = time.time() - self.start_ms / 1000
        return pending_s < (PENDING_S if self.seen_pending else PENDING_UNSEEN_S)

    def _run(self) -> None:
        while self._pends() and not self.stopped.wait(0.1):
            pass
        if not self.stopped.is_set():
            self.status, self.message = "RUNNING", "Job is currently running."
            process = subprocess.Popen(
                ["/bin/bash", "-c", self.submission["entrypoint"]],
                cwd=self._working_dir(),
                stdout=self.log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            while process.poll() is None and not self.stopped.wait(0.1):
                pass
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            code = process.wait()
            self.exit_code = 128 - code if code < 0 else code
        self.end_ms = int(time.time() * 1000)
        if self.stopped.is_set():
            self.status, self.message = "STOPPED", "Job was intentionally stopped."
        elif self.exit_code == 0:
            self.status, self.message = "SUCCEEDED", "Job finished successfully."
        else:
            tail = "\n".join(self.logs().splitlines()[-10:])
            self.message = (
                f"Job entrypoint command failed with exit code {self.exit_code}, "
                f"last available logs (truncated to 20,000 chars):\n{tail}"
            )
            self.status = "FAILED"

    def _working_dir(self) -> str | None:
        package = (self.submission.get("runtime_env") or {}).get("working_dir")
        if not package:
            return None
        folder = tempfile.mkdtemp()
        content = Node.packages[package.rpartition("/")[2]]
        zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
        return folder


class Node:
    """What this process knows: its jobs or tasks, and the workers that have called."""

    session: ClassVar[str] = uuid.uuid4().hex
    jobs: ClassVar[dict[str, Job]] = {}
    packages: ClassVar[dict[str, bytes]] = {}
    workers: ClassVar[dict[str, float]] = {}
    tasks: ClassVar[set[str]] = set()
    draining: ClassVar[bool] = False

    @classmethod
    def busy(cls) -> bool:
        return bool(cls.tasks) or any(job.active for job in cls.jobs.values())


class Handler(BaseHTTPRequestHandler):
    """Health, the Jobs API, and what drivers and workers of the stand-in say to each other."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in ("/api/healthz", "/api/local_raylet_healthz", "/api/gcs_healthz"):
            ready = time.monotonic() - STARTED >= seconds("STAND_IN_STARTUP_S")
            self.answer(200 if ready else 503, "success" if ready else "starting")
        elif path == "/stand-in/workers":
            now = time.monotonic()
            self.json([ip for ip, seen in Node.workers.items() if now - seen < DEAD_NODE_S])
        elif path.startswith("/stand-in/task/"):
            self.task(path.rpartition("/")[2])
        elif self.may():
            self.jobs_get(path.rstrip("/"))

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.may():
            Node.packages[self.path.rpartition("/")[2]] = body
            self.answer(200, "")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        if self.path == "/stand-in/workers":
            # The service is headless: nothing stands between a worker's address and this.
            Node.workers[self.client_address[0]] = time.monotonic()
            self.json({"session": Node.session})
        elif self.may():
            self.jobs_post(self.path.rstrip("/"), body)

    def jobs_get(self, path: str) -> None:
        parts = path.split("/")[3:]
        if path == "/api/version":
            self.json({"ray_version": "stand-in"})
        elif path.startswith("/api/packages/"):
            known = path.rpartition("/")[2] in Node.packages
            self.answer(200 if known else 404, "" if known else "the package does not exist")
        elif path == "/api/jobs":
            self.json([job.told() for job in Node.jobs.values()])
        elif (job := Node.jobs.get(parts[0] if parts else "")) is None:
            self.answer(404, f"Job {parts[0] if parts else path} does not exist")
        elif parts[1:] == ["logs"]:
            self.json({"logs": job.logs()})
        else:
            self.json(job.told())

    def jobs_post(self, path: str, body: dict[str, Any]) -> None:
        parts = path.split("/")[3:]
        if path == "/api/jobs":
            if body.get("submission_id") in Node.jobs:
                self.answer(500, "Job exists. Please use a different submission_id.")
                return
            job = Job(body)
            Node.jobs[job.id] = job
            self.json({"job_id": job.id, "submission_id": job.id})
        elif parts[1:] == ["stop"] and parts[0] in Node.jobs:
            self.json({"stopped": Node.jobs[parts[0]].stop()})
        else:
            self.answer(404, f"Job {parts[0] if parts else path} does not exist")

    def task(self, what: str) -> None:
        """Run a task while the driver listens; one byte every half second says that it lives.

        A driver whose pod ends says good-bye, but nothing answers any more: a write would not fail.
        """
        number = uuid.uuid4().hex
        Node.tasks.add(number)
        try:
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"crashed" if not self.work(what) else b"done")
        except OSError:
            pass
        finally:
            Node.tasks.discard(number)
            self.close_connection = True

    def work(self, what: str) -> bool:
        if what == "eat-all":
            eat()
        if what == "eat":
            return subprocess.run([sys.executable, __file__, "eat"], check=False).returncode == 0
        end = time.monotonic() + float(what)
        while time.monotonic() < end:
            if select.select([self.connection], [], [], 0)[0]:
                raise ConnectionResetError("the driver has gone")
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.5)
        return True

    def may(self) -> bool:
        if os.environ.get("RAY_AUTH_MODE") != "token":
            return True
        sent = self.headers.get("Authorization") or self.headers.get("x-ray-authorization")
        if not sent:
            self.answer(401, "Unauthorized: Missing authentication token")
            return False
        if sent != f"Bearer {os.environ.get('RAY_AUTH_TOKEN')}":
            self.answer(403, "Forbidden: Invalid authentication token")
            return False
        return True

    def json(self, value: object) -> None:
        self.answer(200, json.dumps(value), "application/json")

    def answer(self, code: int, text: str, kind: str = "text/plain") -> None:
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Probes are not worth a line each."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32


def seconds(variable: str) -> float:
    return float(os.environ.get(variable) or 0)


def start(arguments: list[str]) -> int:
    options = dict(a.lstrip("-").partition("=")[::2] for a in arguments)
    for name in options:
        if name not in OPTIONS:
            time.sleep(1.5)
            say(f"Usage: ray start [OPTIONS]\n\nError: No such option '--{name}'.")
            return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        if not os.environ.get("STAND_IN_DEAF"):
            signal.signal(number, lambda *_: setattr(Node, "draining", True))
    serve(int(options.get("dashboard-agent-listen-port") or AGENT_PORT))
    if "head" in options:
        serve(int(options.get("dashboard-port") or DASHBOARD_PORT))
        port = int(options.get("port") or GCS_PORT)
        threading.Thread(target=serve_gcs, args=(port,), daemon=True).start()
    else:
        threading.Thread(target=report, daemon=True).start()
    while not Node.draining:
        time.sleep(0.1)
    # At the end of its work it goes at once: hardly anybody sees how a last job ended.
    rest_s = 0.0 if Node.busy() else STOP_S
    while Node.busy():
        time.sleep(0.05)
    time.sleep(rest_s)
    return 1


def serve(port: int) -> None:
    threading.Thread(target=Server(("", port), Handler).serve_forever, daemon=True).start()


def serve_gcs(port: int) -> None:
    time.sleep(seconds("STAND_IN_GCS_S"))
    gcs = socket.create_server(("", port), backlog=32)
    while True:
        gcs.accept()[0].close()


def report() -> None:
    """Tell the head that this worker lives; leave when another head answers."""
    head = f"http://{os.environ['FQ_RAY_IP']}:{DASHBOARD_PORT}/stand-in/workers"
    joined = told = ""
    while True:
        try:
            session = ask(head, b"{}")["session"]
            news = f"head {session} answers"
        except (OSError, ValueError, http.client.HTTPException) as error:
            session, news = "", f"no head answers: {error}"
        if news != told:
            say(news)
            told = news
        joined = joined or session
        if session and session != joined:
            say(f"this worker had joined {joined}, and leaves in {LEAVE_S:.0f} s")
            time.sleep(LEAVE_S)
            os._exit(1)
        time.sleep(1.0)


def ask(url: str, data: bytes | None = None) -> Any:
    with urllib.request.urlopen(url, data, timeout=2) as answer:
        return json.load(answer)


def task(what: list[str]) -> int:
    """A driver's task: on any living worker, and again when that is lost."""
    name = what[-1]
    for number in range(TASK_TRIES):
        ip = living_worker()
        say(f"task start {number}")
        url = f"http://{ip}:{AGENT_PORT}/stand-in/task/{name}"
        try:
            with urllib.request.urlopen(url, timeout=TASK_SILENCE_S) as answer:
                told = answer.read()
        except OSError as error:
            told = b""
            say(f"NodeDiedError: {error}")
        if told.endswith(b"done"):
            say("answer 7")
            return 0
        if told.endswith(b"crashed"):
            say("ray.exceptions.WorkerCrashedError: The worker died unexpectedly")
        if name.startswith("eat"):
            return 1
        time.sleep(DEAD_NODE_S)
    return 1


def living_worker() -> str:
    while True:
        workers = ask(f"http://127.0.0.1:{DASHBOARD_PORT}/stand-in/workers")
        if workers:
            return str(workers[0])
        time.sleep(0.5)


def eat() -> None:
    """Take memory until the kernel says no."""
    eaten = []
    while True:
        eaten.append(b"x" * BITE)
        time.sleep(0.01)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def health_check(arguments: list[str]) -> int:
    address = arguments[-1].removeprefix("--address=")
    host, _, port = address.rpartition(":")
    time.sleep(seconds("STAND_IN_JOIN_S"))
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return 1
    return 0


def main() -> int:
    command, *arguments = sys.argv[1:]
    if command == "start":
        return start(arguments)
    if command == "health-check":
        return health_check(arguments)
    if command == "task":
        return task(arguments)
    if command == "eat":
        eat()
    if command == "eat-all":
        ask(f"http://127.0.0.1:{AGENT_PORT}/stand-in/task/eat-all")
    return 1


if __name__ == "__main__":
    sys.exit(main())
