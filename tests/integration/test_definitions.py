"""The code location as Dagster loads it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ml_platform.settings import PROJECT_ROOT
from tests.support.graph import describe

pytestmark = pytest.mark.integration

GRAPH = PROJECT_ROOT / "tests" / "graph.txt"
HEAVY = {
    *("ray", "torch", "kubernetes", "mlflow", "sklearn", "matplotlib", "duckdb", "gcsfs"),
    *("dbt", "dagster_dbt", "sqlglot"),
}


@pytest.fixture(scope="module")
def definitions(home_of_the_session: Path) -> dg.Definitions:
    from ml_platform.definitions import defs

    return defs()


def test_the_graph_is_as_agreed(definitions: dg.Definitions) -> None:
    assert describe(definitions) == GRAPH.read_text()


def test_every_asset_says_what_it_is_and_whom_to_ask(definitions: dg.Definitions) -> None:
    specs = definitions.resolve_all_asset_specs()

    assert [s.key for s in specs if not (s.description and s.owners and s.kinds)] == []


def test_every_check_is_a_sentence(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    silent = [
        key
        for key in graph.asset_check_keys
        if not (graph.get(key).description or "").endswith(".")
    ]
    assert silent == []


def test_every_feature_table_and_raw_table_shows_its_columns(definitions: dg.Definitions) -> None:
    specs = [
        spec
        for spec in definitions.resolve_all_asset_specs()
        if spec.group_name in {"features", "staging", "raw"}
    ]
    undescribed = [
        (spec.key, column.name)
        for spec in specs
        for column in spec.metadata["dagster/column_schema"].columns
        if not column.description
    ]
    assert undescribed == []


def test_a_model_reads_the_training_sets_of_its_window(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    model, training_set = (
        dg.AssetKey(["flight_delay", stage]) for stage in ("model", "training_set")
    )
    mapping = graph.get_partition_mapping(model, training_set)
    days = graph.get(model).partitions_def
    assert days is not None

    needed = mapping.get_upstream_mapped_partitions_result_for_partitions(
        days.empty_subset().with_partition_keys(["2013-03-01"]), days, days
    ).partitions_subset.get_partition_keys()

    assert (min(needed), max(needed), len(list(needed))) == ("2013-02-02", "2013-03-01", 28)


def test_loading_the_definitions_imports_no_heavy_library(home_of_the_session: Path) -> None:
    code = (
        "import json, sys\n"
        "from ml_platform.definitions import defs\n"
        "defs().resolve_all_asset_specs()\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert HEAVY & set(json.loads(done.stdout.splitlines()[-1])) == set()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("dg check defs", "All definitions loaded successfully"),
        ("dg list defs", "flight_delay/champion"),
        ("dagster definitions validate -w workspace.yaml", "Validation successful"),
    ],
)
def test_dagsters_commands_work_from_the_root(command: str, words: str) -> None:
    program, *arguments = command.split()
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=PROJECT_ROOT,
        # Tables as wide as they need to be.
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
