"""The benchmarks: `make benchmark [ARGS="--only starts --repeats 5"]`; prints tables for READMEs.

Every figure is a ratio to a baseline of the same run, by turns and as a median, because machines
are noisy. Nothing here passes or fails.
"""

import argparse
import os
import platform
import sys
from typing import Final

from ml_platform.settings import PROJECT_ROOT
from tests.benchmarks.tables import print_table

HOME: Final = PROJECT_ROOT / ".mlp" / "benchmarks"
PARTS: Final = ("training", "loading", "definitions", "starts", "xray", "recording")
WAYS: Final = ("fork_server", "plain", "preload")


def main() -> None:
    """Prepare the data, measure, print."""
    parser = argparse.ArgumentParser(prog="make benchmark")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of the loop")
    parser.add_argument("--only", choices=PARTS, help="one part (default: training and loading)")
    parser.add_argument(
        "--way", choices=WAYS, action="append", help="of `starts`; may be repeated (default: all)"
    )
    wanted = parser.parse_args()
    os.environ |= {"MLP_HOME": str(HOME), "DAGSTER_HOME": str(HOME / "dagster")}
    if wanted.only not in ("xray", "definitions"):
        _prepare()
    machine = f"{os.cpu_count()} cores, {_memory_gib():.0f} GiB, Python {platform.python_version()}"
    print(f"measured on {machine}; medians of {wanted.repeats} turns\n")  # noqa: T201
    parts = {wanted.only} if wanted.only else {"training", "loading"}
    if "training" in parts:
        _training(wanted.repeats, wanted.epochs)
    if "loading" in parts:
        _loading(wanted.repeats)
    if "definitions" in parts:
        from tests.benchmarks.definitions import measure_definitions

        measure_definitions(HOME / "definitions", wanted.repeats)
    if "xray" in parts:
        from tests.benchmarks.xray import measure_xray

        measure_xray(wanted.repeats)
    if "recording" in parts:
        _recording(wanted.repeats, wanted.epochs)
    if "starts" in parts:
        _starts(wanted.repeats, wanted.way or list(WAYS))


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
    from ml_platform.model_folder.read import read_model
    from ml_platform.settings import load_settings
    from tests.benchmarks.fixed_loop import MODEL, fixed_plan
    from tests.benchmarks.training import (
        print_against_ray_data,
        print_loops,
        print_phases,
        take_turns,
    )

    settings = load_settings()
    model = read_model(MODEL).plan
    one = take_turns(fixed_plan(model, epochs=epochs), settings, repeats, with_plain=True)
    two = take_turns(fixed_plan(model, epochs=epochs, workers=2), settings, repeats)
    print_loops(one)
    print_against_ray_data({"1": one, "2": two})
    print_phases(one)


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


def _starts(repeats: int, ways: list[str]) -> None:
    from ml_platform.model_folder.read import read_model
    from ml_platform.settings import load_settings
    from tests.benchmarks.fixed_loop import MODEL, fixed_plan
    from tests.benchmarks.starts import measure_starts, print_starts

    plan = fixed_plan(read_model(MODEL).plan, epochs=1, workers=2)
    print_starts(measure_starts(plan, load_settings(), repeats, ways))


def _recording(repeats: int, epochs: int) -> None:
    from ml_platform.model_folder.read import read_model
    from ml_platform.settings import load_settings
    from tests.benchmarks.fixed_loop import MODEL, fixed_plan
    from tests.benchmarks.xray_recording import measure_recording

    measure_recording(fixed_plan(read_model(MODEL).plan, epochs=epochs), load_settings(), repeats)


def _memory_gib() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / 2**30


if __name__ == "__main__":
    main()
