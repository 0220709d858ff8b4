"""What recording takes of a training: the same one with it and without, by turns on one Ray."""

import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from ml_platform.clusters.interface import Cluster, ClusterRequest
from ml_platform.clusters.local.folder import ClusterFolder
from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.training.api import Batch
from ml_platform.training.checkpoints import attempt_path
from ml_platform.training.launch import train
from ml_platform.training.listeners import Listeners
from ml_platform.training.plan import ModelPlan
from ml_platform.training.record import Owner
from ml_platform.training.telemetry.log_archive import LOG_FOLDER
from ml_platform.training.telemetry.nodes import fetched, node_use
from ml_platform.training.telemetry.step_clock import StepClock
from ml_platform.training.telemetry.switch import OFF, RECORDING
from ml_platform.training.telemetry.writer import SAMPLES_FOLDER
from ml_platform.xray.records import Recorder
from ml_platform.xray.samples import NodeUse, StepTimes, from_lines
from tests.benchmarks.contestants import request_of
from tests.benchmarks.cpu_time import CpuTime
from tests.benchmarks.fixed_loop import SECOND_DAY
from tests.benchmarks.tables import print_table

ON: Final = "on"
STEPS: Final = 200_000
LOOKS: Final = 20
WRITES: Final = 200


class Switched(LocalProvisioner):
    """A Ray on this machine whose jobs record, or do not."""

    recording = ON

    @contextmanager
    def acquire(self, request: ClusterRequest, recorder: Recorder) -> Iterator[Cluster]:
        """See `Provisioner.acquire`."""
        with super().acquire(request, recorder) as cluster:
            env = {**cluster.runtime.env, RECORDING: self.recording}
            yield replace(cluster, runtime=replace(cluster.runtime, env=env))


@dataclass(frozen=True, kw_only=True, slots=True)
class Took:
    """One training: its loop, the whole of it, and the CPU of all processes meanwhile.

    Attributes:
        objects: That recording wrote.
        batches: Around which was measured.
        looks: At a node.
    """

    loop_s: float
    wall_s: float
    cpu_s: float
    objects: int
    batches: int
    looks: int


def measure_recording(plan: ModelPlan, settings: Settings, repeats: int) -> None:
    """Train by turns, and print what recording took; then what its parts take by themselves."""
    provisioner = Switched(settings.home / "recording", fork_server=True)
    cpu = CpuTime()
    took: dict[str, list[Took]] = {ON: [], OFF: []}
    try:
        _train(plan, settings, provisioner, cpu)  # starts the Ray
        for turn in range(repeats):
            # Who goes first finds the machine as the other left it.
            for way in (ON, OFF) if turn % 2 == 0 else (OFF, ON):
                provisioner.recording = way
                took[way].append(_train(plan, settings, provisioner, cpu))
        looks = _look_ms(provisioner)
    finally:
        provisioner.shutdown()
    _print(took)
    _print_parts(took[ON], step_us=_step_us(), look_ms=looks, write_ms=_write_ms())


def _train(plan: ModelPlan, settings: Settings, provisioner: Switched, cpu: CpuTime) -> Took:
    run = f"recording-{time.time()}"
    request = request_of(plan, SECOND_DAY, settings, run)
    before, began = cpu.total(), time.monotonic()
    done = train(
        request,
        lambda spec: provisioner,
        owner=Owner(run=run, root=run),
        listeners=Listeners(on_log=lambda line: None),
    )
    attempt = Folder(request.folder_uri) / attempt_path(1)
    written = [
        Path(folder) / name
        for kind in (SAMPLES_FOLDER, LOG_FOLDER)
        for folder, _, names in os.walk(attempt.path(kind))
        for name in names
    ]
    assert bool(written) == (provisioner.recording == ON), written
    samples = [
        one
        for path in written
        if path.suffix == ".jsonl"
        for one in from_lines(path.read_text().splitlines())
    ]
    return Took(
        loop_s=sum(one.seconds for one in done.phases if one.name == "loop"),
        wall_s=time.monotonic() - began,
        cpu_s=cpu.total() - before,
        objects=len(written),
        batches=sum(one.batches for one in samples if isinstance(one, StepTimes)),
        looks=sum(isinstance(one, NodeUse) for one in samples),
    )


def _print(took: dict[str, list[Took]]) -> None:
    pairs = list(zip(took[ON], took[OFF], strict=True))
    print_table(
        ("a training", "with recording", "without", "median ratio", "least and most"),
        [
            (
                name,
                f"{median(getattr(one, field) for one in took[ON]):.2f}",
                f"{median(getattr(one, field) for one in took[OFF]):.2f}",
                f"{median(ratios):.3f}",
                f"{min(ratios):.3f} to {max(ratios):.3f}",
            )
            for name, field in (
                ("its loop, s", "loop_s"),
                ("all of it, s", "wall_s"),
                ("CPU of all processes, s", "cpu_s"),
            )
            if (ratios := [getattr(a, field) / getattr(b, field) for a, b in pairs])
        ],
    )


def _print_parts(recorded: list[Took], *, step_us: float, look_ms: float, write_ms: float) -> None:
    """What recording takes by itself, as a share of the CPU of the training that it was part of."""
    parts: dict[str, tuple[str, Callable[[Took], tuple[int, float]]]] = {
        "around a batch": (f"{step_us:.1f} µs", lambda one: (one.batches, step_us / 1e6)),
        "a look at a node": (f"{look_ms:.1f} ms", lambda one: (one.looks, look_ms / 1e3)),
        "an object written": (f"{write_ms:.1f} ms", lambda one: (one.objects, write_ms / 1e3)),
    }
    rows = []
    shares = []
    for name, (each, part) in parts.items():
        count = median(part(one)[0] for one in recorded)
        share = median(part(one)[0] * part(one)[1] / one.cpu_s for one in recorded)
        shares.append(share)
        rows.append((name, f"{count:.0f}", each, f"{100 * share:.3f} %"))
    rows.append(("together", "", "", f"{100 * sum(shares):.3f} %"))
    print_table(("recording by itself", "of a training", "CPU of each", "of its CPU"), rows)


def _step_us() -> float:
    """What is added to a batch, in microseconds of CPU."""

    def cpu_of(batches: Iterator[Batch]) -> float:
        began = time.process_time()
        for _ in batches:
            pass
        return time.process_time() - began

    import torch

    batch = Batch(
        numbers=torch.zeros(8, 4),
        categories=torch.zeros(8, 4, dtype=torch.int32),
        label=torch.zeros(8),
    )

    def plain() -> Iterator[Batch]:
        return itertools.repeat(batch, STEPS)

    clock = StepClock(0, lambda times: None)
    found = [cpu_of(clock.along(plain(), 0)) - cpu_of(plain()) for _ in range(5)]
    return 1e6 * min(found) / STEPS


def _look_ms(provisioner: Switched) -> float:
    """A look at the node of the Ray that is up, in milliseconds of CPU."""
    url = _metrics_url(provisioner)
    began = time.process_time()
    for _ in range(LOOKS):
        node_use(fetched(url), "127.0.0.1", is_head=True, at_s=0.0)
    return 1000 * (time.process_time() - began) / LOOKS


def _write_ms() -> float:
    """An object in a folder, in milliseconds of CPU."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, content = Folder(Path(scratch).as_uri()), b"x" * 4096
        began = time.process_time()
        for number in range(WRITES):
            folder.create(f"{SAMPLES_FOLDER}/worker-0/{number}.jsonl", content)
        return 1000 * (time.process_time() - began) / WRITES


def _metrics_url(provisioner: Switched) -> str:
    """Where its node exports its metrics, as Ray tells Prometheus."""
    (view,) = provisioner.inventory()
    state = ClusterFolder(provisioner._home / view.name).state()
    assert state is not None
    found = next(Path(state.temp_dir).rglob("prom_metrics_service_discovery.json"))
    targets = [one for group in json.loads(found.read_text()) for one in group["targets"]]
    return next(
        f"http://{one}/metrics"
        for one in targets
        if "ray_node_cpu_utilization" in fetched(f"http://{one}/metrics")
    )
