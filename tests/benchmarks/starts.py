"""What a training costs that is not its loop, by the way in which a local Ray's workers begin.

Each turn starts a Ray, trains a first partition and a next one on the Ray that is up, and stops it.
The README beside this file says what was found.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.settings import Settings
from ml_platform.training.launch import train
from ml_platform.training.listeners import Listeners
from ml_platform.training.plan import ModelPlan
from ml_platform.training.record import Owner
from tests.benchmarks.contestants import request_of
from tests.benchmarks.cpu_time import CpuTime
from tests.benchmarks.fixed_loop import FIRST_DAY, SECOND_DAY
from tests.benchmarks.preloaded import PreloadingProvisioner
from tests.benchmarks.tables import print_table

WAYS: Final[dict[str, Callable[[Path], LocalProvisioner]]] = {
    "fork_server": partial(LocalProvisioner, fork_server=True),
    "plain": LocalProvisioner,
    "preload": PreloadingProvisioner,
}
"""Forks of a process that has imported torch; nothing; workers that Ray has started ahead."""
# As long as the process of a step takes to begin.
BETWEEN_PARTITIONS_S: Final = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one training, its loop excepted from the wall clock only."""

    wall_s: float
    cpu_s: float
    load: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A Ray that was started for the first partition and trained the next one too."""

    first: Cost
    next: Cost


def measure_starts(
    plan: ModelPlan, settings: Settings, repeats: int, ways: Sequence[str]
) -> dict[str, list[Turn]]:
    """Train two partitions on a new Ray, each way, by turns."""
    turns: dict[str, list[Turn]] = {name: [] for name in ways}
    cpu = CpuTime()
    for _ in range(repeats):
        for name in ways:
            provisioner = WAYS[name](settings.home / f"starts-{name}")
            first = _cost(plan, FIRST_DAY, settings, provisioner, cpu)
            time.sleep(BETWEEN_PARTITIONS_S)
            after = _cost(plan, SECOND_DAY, settings, provisioner, cpu)
            provisioner.shutdown()
            turns[name].append(Turn(first=first, next=after))
    return turns


def print_starts(turns_of: Mapping[str, list[Turn]]) -> None:
    """The medians, and how busy the machine was otherwise."""
    print_table(
        ("what is not the loop", "first, s", "CPU s", "next, s", "CPU s", "load before"),
        [
            (
                name,
                *(
                    f"{median(figures):.1f}"
                    for figures in (
                        [one.first.wall_s for one in turns],
                        [one.first.cpu_s for one in turns],
                        [one.next.wall_s for one in turns],
                        [one.next.cpu_s for one in turns],
                        [one.first.load for one in turns],
                    )
                ),
            )
            for name, turns in turns_of.items()
        ],
    )


def _cost(
    plan: ModelPlan, day: str, settings: Settings, provisioner: LocalProvisioner, cpu: CpuTime
) -> Cost:
    run = f"starts-{time.time()}"
    request = request_of(plan, day, settings, run)
    load, cpu_before, began = os.getloadavg()[0], cpu.total(), time.monotonic()
    done = train(
        request,
        lambda spec: provisioner,
        owner=Owner(run=run, root=run),
        listeners=Listeners(on_log=lambda line: None),
    )
    loop_s = sum(phase.seconds for phase in done.phases if phase.name == "loop")
    return Cost(wall_s=time.monotonic() - began - loop_s, cpu_s=cpu.total() - cpu_before, load=load)
