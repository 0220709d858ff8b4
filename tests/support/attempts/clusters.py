"""A provisioner whose clusters are files in a folder, and whose heads are one server."""

import contextlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_platform.clusters.interface import (
    Cluster,
    ClusterPhase,
    ClusterRequest,
    ClusterView,
    HeadAddress,
    JobKey,
    JobRuntime,
    Provisioner,
    Reaped,
    RunEnd,
)
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import ClusterLostError, ClusterStartError
from ml_platform.storage import Folder
from ml_platform.xray.records import Recorder
from tests.support.attempts.audit import broken_rules
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN

STARTS = "starts"


class FileProvisioner(Provisioner):
    """One cluster an attempt, removed when its user leaves it.

    Args:
        home: Folder of the clusters; several processes may use it.
        url: Address of the head.
        training: Folder of the training that uses them.
        place: See `Provisioner.place`.
        abandoned_after_s: See `Provisioner.abandoned_after_s`.
        refuses: How many clusters do not start.
    """

    kind = "local"

    def __init__(
        self,
        home: Path,
        url: str,
        training: str,
        *,
        place: str = "here",
        abandoned_after_s: float = float("inf"),
        refuses: int = 0,
    ) -> None:
        self._clusters = Folder(home.as_uri())
        self._journal = home / "journal"
        self._url = url
        self._training = training
        self._place = place
        self._abandoned_after_s = abandoned_after_s
        self._refuses = refuses

    @property
    def place(self) -> str:
        return self._place

    @property
    def abandoned_after_s(self) -> float:
        return self._abandoned_after_s

    def cluster_name(self, key: JobKey, attempt: int, spec: ClusterSpec) -> str:
        del spec
        return f"{key.slug()}-{attempt}"

    @contextmanager
    def acquire(self, request: ClusterRequest, recorder: Recorder) -> Iterator[Cluster]:
        with recorder.phase("cluster"):
            if self._refuses:
                self._refuses -= 1
                raise ClusterStartError("no machine is free", hint="wait.")
            name = f"{request.name}.json"
            incarnation = self._life(request.name)
            if request.incarnation and incarnation != request.incarnation:
                raise ClusterLostError(f"{request.name} is gone")
            while not incarnation:
                self.note(*broken_rules(self._training, cluster=request.name))
                self._clusters.create(name, uuid.uuid4().hex.encode())
                incarnation = self._life(request.name)
        try:
            yield Cluster(
                name=request.name,
                head=HeadAddress(url=self._url, token=TOKEN),
                runtime=JobRuntime(),
                incarnation=incarnation,
                is_gone=lambda: self._life(request.name) != incarnation,
                lost_after_s=5,
                quiet_s=0.1,
            )
        finally:
            self._clusters.remove(name)

    def look(self, name: str) -> ClusterView:
        life = self._life(name)
        phase: ClusterPhase = "ready" if life else "absent"
        return ClusterView(name=name, provisioner=self.kind, phase=phase, incarnation=life)

    def inventory(self) -> list[ClusterView]:
        names = [name.removesuffix(".json") for name in self._clusters.names()]
        return [self.look(name) for name in names if not name.startswith((".", "journal"))]

    def clear(self, name: str) -> None:
        del name

    def stop(self, name: str) -> None:
        self._clusters.remove(f"{name}.json")

    def reap(self, run_ended_s: RunEnd, *, dry_run: bool) -> Iterator[Reaped]:
        del run_ended_s, dry_run
        return iter(())

    def shutdown(self) -> None:
        pass

    def _life(self, name: str) -> str:
        try:
            return self._clusters.read(f"{name}.json").decode()
        except FileNotFoundError:
            return ""

    def note(self, *lines: str) -> None:
        """Keep what was seen, for all processes."""
        with self._journal.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def noted(self) -> list[str]:
        """What was seen by anybody."""
        with contextlib.suppress(FileNotFoundError):
            return self._journal.read_text().splitlines()
        return []


def lose_clusters(home: Path) -> None:
    """Every cluster is gone."""
    for path in home.glob("*.json"):
        path.unlink()
