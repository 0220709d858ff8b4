"""The training benchmark: takes turns, so that all contestants see the same machine, and prints."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ml_platform.backfill.dagster_home import open_instance
from ml_platform.settings import Settings
from ml_platform.training.plan import ModelPlan
from tests.benchmarks.contestants import (
    AssetTime,
    materialize,
    plain_pytorch,
    ray_data,
    ray_kept_meanwhile,
    request_of,
)
from tests.benchmarks.fixed_loop import FIRST_DAY, SECOND_DAY, LoopTime
from tests.benchmarks.tables import print_table


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """What was measured of one plan.

    Attributes:
        cold: The first partition, which starts a Ray.
        warm: The second partition, once a turn, on the Ray that is up.
        fed: The same, fed by Ray Data.
        plain: The same in plain PyTorch; empty where nobody asked.
    """

    cold: AssetTime
    warm: list[AssetTime]
    fed: list[LoopTime]
    plain: list[LoopTime]


def take_turns(
    plan: ModelPlan, settings: Settings, repeats: int, *, with_plain: bool = False
) -> Turns:
    """Train `plan` each way, by turns."""
    warm: list[AssetTime] = []
    fed: list[LoopTime] = []
    plain: list[LoopTime] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_instance(settings) as instance,
        ray_kept_meanwhile(plan, settings),
    ):
        request = request_of(plan, SECOND_DAY, settings, "")
        cold = materialize(plan, FIRST_DAY, settings, instance)
        for turn in range(repeats):
            warm.append(materialize(plan, SECOND_DAY, settings, instance))
            if with_plain:
                plain.append(plain_pytorch(request, Path(scratch)))
            name = f"{os.getpid()}-{turn}"
            fed.append(ray_data(plan, SECOND_DAY, settings, Path(scratch), name))
    return Turns(cold=cold, warm=warm, fed=fed, plain=plain)


def print_loops(turns: Turns) -> None:
    """The loop each way on one worker, against plain PyTorch."""
    contestants = (
        ("plain PyTorch, one process", turns.plain),
        ("the training asset, one worker", [one.loop for one in turns.warm]),
        ("the same, fed by Ray Data", turns.fed),
    )
    print_table(
        ("training loop", "rows/s", "of plain PyTorch", "last validation loss"),
        [
            (
                name,
                f"{_rate(times):,.0f}",
                f"{_median_ratio(times, turns.plain):.2f}",
                f"{times[-1].validation_loss:.4f}",
            )
            for name, times in contestants
        ],
    )
    walls = median(one.wall_s for one in turns.warm)
    plain_s = median(one.loop_s for one in turns.plain)
    print(  # noqa: T201
        f"wall of the asset on a Ray that is up over plain PyTorch's loop: "
        f"{walls:.1f} s / {plain_s:.1f} s = {walls / plain_s:.2f}\n"
    )


def print_against_ray_data(turns_of: Mapping[str, Turns]) -> None:
    """The asset's loop over that fed by Ray Data, by how many workers train."""
    print_table(
        ("workers", "the asset, rows/s", "fed by Ray Data, rows/s", "ratio"),
        [
            (
                workers,
                f"{_rate(one.loop for one in turns.warm):,.0f}",
                f"{_rate(turns.fed):,.0f}",
                f"{_median_ratio([one.loop for one in turns.warm], turns.fed):.2f}",
            )
            for workers, turns in turns_of.items()
        ],
    )


def print_phases(turns: Turns) -> None:
    """Where the time goes that is not the loop."""
    print_table(
        ("phase", "first partition, s", "next, on a Ray that is up, s"),
        [
            (name, f"{seconds:.1f}", f"{median(one.phases[name] for one in turns.warm):.1f}")
            for name, seconds in turns.cold.phases.items()
        ]
        + [
            (
                "what is not the loop, in all",
                f"{turns.cold.overhead_s:.1f}",
                f"{median(one.overhead_s for one in turns.warm):.1f}",
            )
        ],
    )


def _rate(times: Iterable[LoopTime]) -> float:
    return median(one.rows_per_s for one in times)


def _median_ratio(ours: list[LoopTime], theirs: list[LoopTime]) -> float:
    """Of the turns, each of which saw the same machine."""
    return median(a.rows_per_s / b.rows_per_s for a, b in zip(ours, theirs, strict=True))
