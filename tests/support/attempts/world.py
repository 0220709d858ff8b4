"""Everything that a training without Ray needs, made anew for each test or each death."""

import multiprocessing
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.training.checkpoints import newest_checkpoint, read_checkpoint
from ml_platform.training.launch import Trained
from ml_platform.training.record import TrainingRecord
from ml_platform.training.request import TrainingRequest, code_version
from tests.support.attempts import comers
from tests.support.attempts.clusters import FileProvisioner, lose_clusters
from tests.support.attempts.comers import Comer
from tests.support.attempts.head import EPOCHS, TrainingHead
from tests.support.lineages import lineage

PROCESSES: Final = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        *(comers.__name__, "httpx", "h11", "httpcore", "websockets.client"),
        # Of steps that train on Kubernetes, where each would spend most of a second on importing.
        *("gcsfs", "kubernetes.client", "kubernetes.config"),
    ]
)

JOIN_S: Final = 120


@dataclass(kw_only=True)
class World:
    """A training, its head and its clusters.

    Attributes:
        head: Runs the drivers.
        request: What is to be trained.
        home: Folder of the clusters.
        environ: What a child needs in its environment.
    """

    head: TrainingHead
    request: TrainingRequest
    home: Path
    environ: Mapping[str, str]

    @property
    def record(self) -> TrainingRecord:
        return TrainingRecord(self.request.folder_uri)

    def provisioner(self, **kwargs: Any) -> FileProvisioner:
        return FileProvisioner(self.home, self.head.url, self.request.folder_uri, **kwargs)

    def with_memory(self, memory: str) -> TrainingRequest:
        """The same training on another cluster."""
        cluster = ClusterSpec(workers=WorkerGroup(memory=memory))
        return self.request.model_copy(update={"cluster": cluster})

    def lose_head(self) -> None:
        lose_clusters(self.home)
        self.head.lose()

    def send(self, request: TrainingRequest | None = None, **how: Any) -> BaseProcess:
        """A comer in a process of their own."""
        comer = Comer(
            request=request or self.request,
            home=self.home,
            url=self.head.url,
            environ=self.environ,
            **how,
        )
        process = PROCESSES.Process(target=comers.main, args=(comer,), daemon=True)
        process.start()
        return process

    def send_at_once(self, count: int) -> list[int | None]:
        """Send so many comers, who begin at the same moment; returns their exit codes."""
        gate = self.home / "gate"
        processes = [self.send(starts_when=gate, run=f"run-{one}") for one in range(count)]
        gate.touch()
        for process in processes:
            process.join(JOIN_S)
        return [process.exitcode for process in processes]

    def wrong(self, done: Trained | None = None) -> list[str]:
        """What is not as it has to be when somebody has come to the end; empty if all is well."""
        record = self.record
        result = record.result()
        wrong = [*self.head.broken, *self.provisioner().noted()]
        if result is None:
            return [*wrong, "there is no result"]
        if done is not None and done.result != result:
            wrong.append(f"the caller was given {done.result}, the result is {result}")
        model = (record.attempt(result.attempt).folder / "model").read("model.safetensors")
        if model != str(result.attempt).encode():
            wrong.append(f"the model of attempt {result.attempt} is that of {model!r}")
        trained = [epoch for driver in self.head.drivers for epoch in driver.epochs]
        if sorted(set(trained)) != list(range(EPOCHS)):
            wrong.append(f"epochs {trained} were trained")
        open_ones = [one.number for one in record.attempts() if not one.has_ended()]
        if open_ones not in ([], [result.attempt]):
            wrong.append(f"attempts {open_ones} are open, the result is of {result.attempt}")
        return wrong

    def once(self, done: Trained | None = None) -> list[str]:
        """As `wrong`, and one driver alone has trained, each epoch once."""
        wrong = self.wrong(done)
        if len(self.head.starts) != 1:
            wrong.append(f"attempts {self.head.starts} have trained")
        return wrong

    def checkpoint_texts(self, scratch: Path) -> list[str]:
        """What the newest checkpoint holds."""
        newest = newest_checkpoint(self.record.folder)
        assert newest is not None
        with read_checkpoint(self.record.folder, newest, scratch) as folder:
            return [path.read_text() for path in folder.iterdir()]


def new_world(
    head: TrainingHead, folder: Path, *, storage: str = "", environ: Mapping[str, str] | None = None
) -> World:
    """A training of its own in `storage`, on a file system by default."""
    name = uuid.uuid4().hex[:8]
    home, code = folder / name / "clusters", folder / name / "code"
    for path in (home, code):
        path.mkdir(parents=True)
    (code / "train.py").write_text("def train(run): ...\n")
    request = lineage().request.model_copy(
        update={
            "storage_root": f"{storage}/{name}" if storage else (folder / name / "s").as_uri(),
            "code": str(code),
            "code_version": code_version(code),
        }
    )
    head.drivers.clear()
    head.fates.clear()
    head.broken.clear()
    head.jobs.clear()
    head.victim = head.kills_at = head.changes = 0
    return World(head=head, request=request, home=home, environ=environ or {})
