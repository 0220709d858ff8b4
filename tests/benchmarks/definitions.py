"""What a process spends to load a dbt project of 2,500 models, against stock dagster-dbt."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.settings import PROJECT_ROOT
from tests.benchmarks.tables import print_table
from tests.support.big_project import big_project

MODELS: Final = 2500
TRAINED: Final = 50

OURS: Final = """
import sys
from pathlib import Path
import dagster as dg
from ml_platform.collecting import nothing_to_collect
from ml_platform.definitions import defs
from ml_platform.model_folder.load import load_model, model_folders
with nothing_to_collect():  # as the code location loads its own
    trained = [load_model(folder) for folder in model_folders(Path(sys.argv[1]))]
graph = dg.Definitions.merge(defs(), *trained).get_repository_def().asset_graph
print(len(graph.get_all_asset_keys()), len(graph.asset_check_keys))
"""

STOCK: Final = """
import sys
from pathlib import Path
import dagster as dg
from dagster_dbt import dbt_assets

@dbt_assets(manifest=Path(sys.argv[1]))
def features(context):
    yield from ()

graph = dg.Definitions(assets=[features]).get_repository_def().asset_graph
print(len(graph.get_all_asset_keys()), len(graph.asset_check_keys))
"""

SPEC: Final = """type: ml_platform.component.TrainedModel
attributes:
  description: A model beside others.
  owners: [team:data]
  features: {{table: features/feat_{number:04d}, label: m1, keys: [id], event_time: event_ts,
             known_at: event_ts, numbers: [m2, m3], categories: [country]}}
  training: {{window_days: 28, seed: 1}}
  evaluation: {{holdout_days: 1, gates: [{{metric: log_loss, better_than: base_rate}}]}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """One process: its CPU seconds, its most memory, and how many assets and checks it had."""

    cpu_s: float
    memory_mib: float
    found: str


def measure_definitions(home: Path, repeats: int) -> None:
    """Load by turns, print the medians."""
    project = _project(home)
    environment = os.environ | {"MLP_HOME": str(home / "mlp"), "MLP_PROJECT_DIR": str(project)}
    trained = _trained_models(home / "trained")
    load([OURS, str(trained)], environment)  # parses the project where nobody has
    [manifest] = (home / "mlp" / "dbt_target").glob("*/manifest.json")
    turns = [
        (load([OURS, str(trained)], environment), load([STOCK, str(manifest)], environment))
        for _ in range(repeats)
    ]
    ours, stock = ([turn[place] for turn in turns] for place in (0, 1))
    print_table(
        (f"loading {MODELS:,} models", "assets, checks", "CPU, s", "memory, MiB", "of stock's CPU"),
        [
            _row("stock dagster-dbt", stock, stock),
            _row(f"the code location, {TRAINED} trained models beside it", ours, stock),
        ],
    )


def load(arguments: Sequence[str], environment: dict[str, str]) -> Load:
    """Run a piece of code in a fresh process."""
    code, *others = arguments
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # A process of its own waits for it, so that the most memory is this one's alone.
    meter = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-W', 'ignore', '-c', *sys.argv[1:]])\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", meter, code, *others],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *_, found, memory = done.stdout.splitlines()
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Load(cpu_s=spent, memory_mib=int(memory) / 1024, found=found)


def _project(home: Path) -> Path:
    folder = home / "bigco"
    return folder if folder.exists() else big_project(folder, models=MODELS)


def _trained_models(folder: Path) -> Path:
    example = PROJECT_ROOT / "ml_platform" / "defs" / "models" / "flight_delay"
    for number in range(TRAINED):
        model = folder / f"model_{number:02d}"
        model.mkdir(parents=True, exist_ok=True)
        (model / "defs.yaml").write_text(SPEC.format(number=number))
        for name in ("train.py", "evaluate.py"):
            shutil.copy(example / name, model)
    return folder


def _row(name: str, loads: Sequence[Load], stock: Sequence[Load]) -> tuple[str, ...]:
    cpu, of_stock = (statistics.median(one.cpu_s for one in some) for some in (loads, stock))
    memory = statistics.median(one.memory_mib for one in loads)
    found = loads[0].found.replace(" ", ", ")
    return name, found, f"{cpu:.1f}", f"{memory:.0f}", f"{cpu / of_stock:.2f}"
