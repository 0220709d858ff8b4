"""Runs the fixed training each way: as the asset, in plain PyTorch, and fed by Ray Data."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from ml_platform.clusters.interface import ClusterRequest, Entrypoint, JobKey
from ml_platform.clusters.jobs.job import followed_job
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.clusters.local.folder import ClusterFolder
from ml_platform.clusters.open import local_home, open_provisioner, resolved
from ml_platform.resources import resources_from
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.training.asset import Registered, TrainedModelFacts, build_model
from ml_platform.training.plan import ModelPlan, make_request, window_manifests
from ml_platform.training.request import REQUEST_FILE, TrainingRequest
from ml_platform.training_set.store import SnapshotStore
from ml_platform.xray.records import Recorder
from tests.benchmarks.fixed_loop import THREADS, LoopTime, trained_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetTime:
    """A materialization of the model asset.

    Attributes:
        wall_s: Seconds of the whole Dagster run.
        phases: Seconds by phase, in order; `loop` lies within `fit`, and all of the job's own
            within `running`.
        loop: The loop.
    """

    wall_s: float
    phases: dict[str, float]
    loop: LoopTime

    @property
    def overhead_s(self) -> float:
        """What is not the loop."""
        return self.wall_s - self.loop.loop_s


@dataclass(frozen=True, kw_only=True, slots=True)
class _NoRegistry:
    """Takes note of what was trained, and keeps nothing."""

    facts: list[TrainedModelFacts]

    def register(self, facts: TrainedModelFacts) -> Registered:
        self.facts.append(facts)
        return Registered(version=len(self.facts), url="http://127.0.0.1")


def request_of(plan: ModelPlan, day: str, settings: Settings, retrain: str) -> TrainingRequest:
    """The training that the asset of `plan` runs for `day`."""
    root = settings.storage_root
    manifests = window_manifests(plan, day, storage_root=root, bounds=settings)
    return make_request(
        plan,
        day,
        manifests,
        storage_root=root,
        cluster=resolved(settings, plan.cluster),
        retrain=retrain,
    )


def materialize(
    plan: ModelPlan, day: str, settings: Settings, instance: dg.DagsterInstance
) -> AssetTime:
    """Train `day` through Dagster, a Ray Job and Ray Train; what is there is trained again."""
    registry = _NoRegistry(facts=[])
    resources = resources_from(settings).by_key() | {"registry": registry}
    asset = build_model(plan, settings)
    config = {"ops": {f"{plan.name}__model": {"config": {"retrain": True}}}}
    began = time.monotonic()
    dg.materialize(
        [asset],
        selection=[asset.key],
        partition_key=day,
        instance=instance,
        resources={name: resources[name] for name in ("clusters", "storage", "registry")},
        run_config=config | {"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
    )
    wall_s = time.monotonic() - began
    result = registry.facts[0].trained.result
    phases = {phase.name: phase.seconds for phase in registry.facts[0].trained.phases}
    epochs = len(result.history)
    loop = LoopTime(
        loop_s=phases["loop"],
        rows=trained_rows(result.rows, plan.training.validation_every, epochs),
        validation_loss=result.history[-1].metrics["validation_loss"],
    )
    return AssetTime(wall_s=wall_s, phases=phases, loop=loop)


def plain_pytorch(request: TrainingRequest, scratch: Path) -> LoopTime:
    """Train `request` in a process of its own that knows nothing of Ray or the platform."""
    store = SnapshotStore(request.storage_root, request.model)
    manifests = [store.load(one.partition, one.version) for one in request.snapshots]
    files = [uri for manifest in manifests for uri, _ in store.file_refs(manifest)]
    wanted = {
        "seed": request.training.seed,
        "params": request.training.parameters,
        "validation_every": request.training.validation_every,
        "numbers": request.features.numbers,
        "categories": request.features.categories,
        "label": request.features.label,
        "files": [uri.removeprefix("file://") for uri in files],
    }
    path = scratch / "plain.json"
    path.write_text(json.dumps(wanted))
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.plain", str(path)],
        env=os.environ | {"OMP_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "PASSIVE"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return LoopTime(**json.loads(done.stdout.splitlines()[-1]))


def ray_data(plan: ModelPlan, day: str, settings: Settings, scratch: Path, turn: str) -> LoopTime:
    """Train `day` on the same Ray, with Ray Data instead of the platform's reader."""
    request = request_of(plan, day, settings, f"ray-data-{turn}")
    folder = Folder(request.folder_uri)
    folder.write(REQUEST_FILE, request.model_dump_json().encode())
    result = scratch / f"ray_data_{turn}.json"
    key = JobKey(asset="benchmark/ray_data", partition=day, training=turn)
    log: list[str] = []
    recorder = Recorder()
    provisioner = open_provisioner(settings, plan.cluster)
    wanted = ClusterRequest(
        name=provisioner.cluster_name(key, 1, plan.cluster), spec=plan.cluster, holder=key.slug()
    )
    job = JobRequest(
        submission_id=key.submission_id(1),
        entrypoint=Entrypoint(
            module="tests.benchmarks.ray_data_job", arguments=(folder.uri, str(result))
        ),
    )
    with (
        provisioner.acquire(wanted, recorder) as cluster,
        followed_job(cluster, job, recorder) as running,
    ):
        outcome = running.follow(on_log=log.append)
    if outcome.status != "succeeded":
        raise RuntimeError("\n".join([*log[-40:], outcome.message]))
    found = json.loads(result.read_text())
    epochs = int(plan.training.parameters["epochs"])
    rows = sum(snapshot.rows for snapshot in request.snapshots)
    return LoopTime(
        loop_s=found["loop_s"],
        rows=trained_rows(rows, plan.training.validation_every, epochs),
        validation_loss=found["validation_loss"],
    )


@contextmanager
def ray_kept_meanwhile(plan: ModelPlan, settings: Settings) -> Iterator[None]:
    """Keep the Ray also while others take their turn, and leave none behind, however it ends."""
    provisioner = open_provisioner(settings, plan.cluster)
    folder = ClusterFolder(local_home(settings) / plan.cluster.spec_hash())
    folder.make()
    lease = folder.take_lease("benchmark")
    try:
        yield
    finally:
        lease.unlink(missing_ok=True)
        provisioner.shutdown()
