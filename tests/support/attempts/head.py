"""A head whose jobs are drivers of trainings: they do to the record what the real driver does."""

import asyncio
import os
import shlex
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from ml_platform.clusters.causes import Failure
from ml_platform.training.checkpoints import newest_checkpoint, write_checkpoint
from ml_platform.training.record import MODEL_FOLDER, Attempt, Started, TrainingRecord
from ml_platform.training.result import DriverOutcome, EpochRecord, TrainingResult
from tests.support.attempts.audit import broken_rules
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer

EPOCHS = 4
HALFWAY = 2


@dataclass(kw_only=True)
class Fate:
    """What becomes of a driver.

    Attributes:
        dies: The act before which it is killed: `begin`, `half`, `outcome` or `result`; never if
            empty.
        fails: What it says instead of a result.
        with_it: What ends at the same moment.
    """

    dies: str = ""
    fails: Failure | None = None
    with_it: Callable[[], None] = lambda: None


@dataclass(kw_only=True)
class Driver:
    """A driver on this head, half of whose epochs are trained before its log is read."""

    uri: str
    number: int
    fate: Fate
    epochs: list[int] = field(default_factory=list)
    resumed_from: int | None = None
    status: str = "RUNNING"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        record, attempt = self._record()
        if record.result() is not None:
            self.status = "SUCCEEDED"
            return
        if attempt.has_ended() or self._killed_before("begin"):
            self.status = "FAILED"
            return
        attempt.note_started(Started(at_s=time.time()))
        newest = newest_checkpoint(record.folder)
        first = 0 if newest is None else newest.epoch + 1
        self.resumed_from = None if newest is None else newest.epoch
        for epoch in range(first, HALFWAY):
            self.train(record, epoch)

    def go_on(self) -> None:
        with self.lock:  # each who reads the log asks for it
            if self.status == "RUNNING":
                self.status = "SUCCEEDED" if self.finishes() else "FAILED"

    def finishes(self) -> bool:
        """Train what is left, and leave a result; whether it did."""
        record, attempt = self._record()
        newest = newest_checkpoint(record.folder)
        for epoch in range(0 if newest is None else newest.epoch + 1, EPOCHS):
            if attempt.has_ended() or self._killed_before("half"):
                return False
            self.train(record, epoch)
        if self._killed_before("outcome"):
            return False
        (attempt.folder / MODEL_FOLDER).write("model.safetensors", str(self.number).encode())
        result = TrainingResult(
            inputs_hash=record.folder.uri.rsplit("/", 1)[-1],
            attempt=self.number,
            model_uri=(attempt.folder / MODEL_FOLDER).uri,
            history=tuple(EpochRecord(epoch=epoch, metrics={}) for epoch in range(EPOCHS)),
        )
        failure = self.fate.fails
        attempt.note_outcome(DriverOutcome(failure=failure, result=None if failure else result))
        if failure is not None or self._killed_before("result") or attempt.has_ended():
            return False
        record.commit(result)
        return True

    def train(self, record: TrainingRecord, epoch: int) -> None:
        """Train an epoch, and leave its checkpoint."""
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "tensors").write_text(f"attempt {self.number}, epoch {epoch}")
            write_checkpoint(
                record.folder,
                attempt=self.number,
                epoch=epoch,
                finished=epoch == EPOCHS - 1,
                source=Path(scratch),
            )
        self.epochs.append(epoch)

    def _killed_before(self, act: str) -> bool:
        if self.fate.dies != act:
            return False
        self.fate.with_it()
        return True

    def _record(self) -> tuple[TrainingRecord, Attempt]:
        record = TrainingRecord(self.uri)
        return record, record.attempt(self.number)


class TrainingHead(RayJobsServer):
    """Runs drivers; can kill one who asks in the middle of asking.

    Attributes:
        drivers: All that were ever started, oldest first.
        fates: Of the next drivers; those after them train well.
        broken: Rules that did not hold when something was asked.
        victim: Process to kill, see `kills_at`.
        kills_at: Before which request that changes something it is killed, from 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.drivers: list[Driver] = []
        self.fates: list[Fate] = []
        self.broken: list[str] = []
        self.victim = 0
        self.kills_at = 0
        self.changes = 0
        self.driving = False

    @property
    def starts(self) -> list[int]:
        """Attempts whose driver has trained at least one epoch."""
        return [driver.number for driver in self.drivers if driver.epochs]

    def lose(self) -> None:
        """Forget everything, as a head that was started anew."""
        self.jobs.clear()

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "POST" or request.path.endswith("/tail"):
            self.changes += 1
            if self.changes == self.kills_at and self.victim:
                os.kill(self.victim, signal.SIGKILL)
                assert request.transport is not None
                request.transport.close()
                return web.Response(status=500)
        return await super()._door(request, handler)

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        submission = body["submission_id"]
        uri, number = shlex.split(body["entrypoint"])[-2:]
        self.broken += await asyncio.to_thread(broken_rules, uri, submission=submission)
        answer = await super()._submit(request)
        if answer.status == 200:
            fate = self.fates.pop(0) if self.fates else Fate()
            driver = Driver(uri=uri, number=int(number), fate=fate)
            self.drivers.append(driver)
            await self._drive(driver, submission, driver.begin)
        return answer

    async def _tail(self, request: web.Request) -> web.WebSocketResponse:
        submission = request.match_info["id"]
        number = int(submission.rsplit("-", 1)[-1])
        driver = next(one for one in reversed(self.drivers) if one.number == number)
        await self._drive(driver, submission, driver.go_on)
        return await super()._tail(request)

    async def _stop(self, request: web.Request) -> web.Response:
        submission = request.match_info["id"]
        job = self.jobs.get(submission)
        if job is not None and job.statuses[-1] == "RUNNING":
            number = int(submission.rsplit("-", 1)[-1])
            for driver in self.drivers:
                driver.status = "STOPPED" if driver.number == number else driver.status
            job.ends_as = "STOPPED"
            return await super()._stop(request)
        return web.json_response({"stopped": False}, status=200 if job else 404)

    async def _drive(self, driver: Driver, submission: str, act: Any) -> None:
        self.driving = True
        await asyncio.to_thread(act)
        self.driving = False
        job = self.jobs.get(submission)
        if job is None:
            return
        job.log = f"epochs {driver.epochs}\n"
        if driver.status != "RUNNING":
            job.ends_as = driver.status
            job.statuses = [driver.status]
