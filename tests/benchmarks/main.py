"""The benchmarks: `make benchmark [ARGS="--repeats 3"]`; prints the tables of the README.

Every figure is a ratio to a baseline of the same run, by turns and as a median, because machines
are noisy. Nothing here passes or fails.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from ml_platform.settings import PROJECT_ROOT
from tests.benchmarks.tables import print_table

HOME: Final = PROJECT_ROOT / ".mlp" / "benchmarks"


def main() -> None:
    """Prepare the data, measure, print."""
    parser = argparse.ArgumentParser(prog="make benchmark")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--epochs", type=int, default=40, help="epochs of the loop")
    wanted = parser.parse_args()
    os.environ |= {"MLP_HOME": str(HOME), "DAGSTER_HOME": str(HOME / "dagster")}
    _prepare()
    machine = f"{os.cpu_count()} cores, {_memory_gib():.0f} GiB, Python {platform.python_version()}"
    print(f"measured on {machine}; medians of {wanted.repeats} turns\n")  # noqa: T201
    _training(wanted.repeats, wanted.epochs)
    _loading(wanted.repeats)


def _prepare() -> None:
    """Features and training sets of two windows; nothing is done where they are there."""
    from ml_platform.cli.main import run
    from ml_platform.partitions import window_keys
    from tests.benchmarks.fixed_loop import FIRST_DAY, MODEL, SECOND_DAY

    first = window_keys(FIRST_DAY, 28)[0]
    days = ["--from", first, "--to", SECOND_DAY]
    if run(["backfill", MODEL, *days, "--through", "training_set", "--here"]):
        sys.exit(1)


def _training(repeats: int, epochs: int) -> None:
    from ml_platform.cli.home import open_instance
    from ml_platform.cli.specs import read_model
    from ml_platform.settings import load_settings
    from tests.benchmarks.contestants import (
        AssetTime,
        materialize,
        plain_pytorch,
        ray_data,
        ray_kept_meanwhile,
        request_of,
    )
    from tests.benchmarks.fixed_loop import FIRST_DAY, MODEL, SECOND_DAY, LoopTime, fixed_plan

    settings = load_settings()
    plan = fixed_plan(read_model(MODEL).plan, epochs=epochs)
    plain: list[LoopTime] = []
    warm: list[AssetTime] = []
    fed: list[LoopTime] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_instance(settings) as instance,
        ray_kept_meanwhile(plan, settings),
    ):
        request = request_of(plan, SECOND_DAY, settings, "")
        cold = materialize(plan, FIRST_DAY, settings, instance)
        for turn in range(repeats):
            warm.append(materialize(plan, SECOND_DAY, settings, instance))
            attempt = f"{os.getpid()}-{turn}"
            fed.append(ray_data(plan, SECOND_DAY, settings, Path(scratch), attempt))
            plain.append(plain_pytorch(request, Path(scratch)))
    loops = [one.loop for one in warm]
    base = statistics.median(one.rows_per_s for one in plain)
    print_table(
        ("training loop", "rows/s", "of plain PyTorch", "last validation loss"),
        [
            (
                name,
                f"{(rate := statistics.median(one.rows_per_s for one in times)):,.0f}",
                f"{rate / base:.2f}",
                f"{times[-1].validation_loss:.4f}",
            )
            for name, times in (
                ("plain PyTorch, one process", plain),
                ("the training asset, one worker", loops),
                ("the same, fed by Ray Data", fed),
            )
        ],
    )
    ratios = [one.rows_per_s / other.rows_per_s for one, other in zip(loops, fed, strict=True)]
    print(f"the asset's loop over Ray Data's: {statistics.median(ratios):.2f}\n")  # noqa: T201
    walls = statistics.median(one.wall_s for one in warm)
    plain_s = statistics.median(one.loop_s for one in plain)
    print(  # noqa: T201
        f"wall of the asset on a Ray that is up over plain PyTorch's loop: "
        f"{walls:.1f} s / {plain_s:.1f} s = {walls / plain_s:.2f}; "
        f"what is not the loop: {statistics.median(one.overhead_s for one in warm):.1f} s\n"
    )
    print_table(
        ("phase", "first partition, s", "next, on a Ray that is up, s"),
        [
            (name, f"{seconds:.1f}", f"{statistics.median(one.phases[name] for one in warm):.1f}")
            for name, seconds in cold.phases.items()
        ]
        + [
            (
                "what is not the loop, in all",
                f"{cold.overhead_s:.1f}",
                f"{statistics.median(one.overhead_s for one in warm):.1f}",
            )
        ],
    )


def _loading(repeats: int) -> None:
    from tests.benchmarks.loading import measure_loading

    found = measure_loading(max(3, repeats))
    print_table(
        ("loading the code location", "seconds", "of the imports"),
        [
            ("import dagster and dagster_dbt", f"{found.imports_s:.1f}", "1.00"),
            ("load the definitions", f"{found.definitions_s:.1f}", f"{found.ratio:.2f}"),
        ],
    )


def _memory_gib() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / 2**30


if __name__ == "__main__":
    main()
