"""The dbt project on BigQuery: its SQL is BigQuery's, and makes the same rows as on DuckDB."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ml_platform.features.project import target_folder
from ml_platform.settings import PROJECT_ROOT, Settings
from ml_platform.warehouse.example_tables import FLIGHTS, RAW_TABLES
from ml_platform.warehouse.open import open_warehouse
from tests.support.bigquery_emulator.launcher import Emulator
from tests.support.dbt_runs import build_days, copy_of_home, dbt, settings_of

pytest_plugins = ["tests.support.bigquery_emulator.fixtures"]
pytestmark = pytest.mark.integration

on_the_emulator = pytest.mark.skipif(
    "MLP_TEST_SLOW" not in os.environ,
    reason="the emulator takes minutes to build features: set MLP_TEST_SLOW=1",
)

MODELS = PROJECT_ROOT / "dbt_project" / "models"
TABLES = sorted(path.stem for path in (MODELS / "features").glob("*.sql"))
FIRST, LAST, END = "2013-02-14", "2013-02-15", "2013-02-16"
# Those days, and what the longest history of theirs looks back at.
RECENT_FLIGHTS = "time_hour >= '2013-01-13' AND time_hour < '2013-02-18'"


def test_the_compiled_project_is_bigquerys_sql(tmp_path: Path) -> None:
    import sqlglot
    from sqlglot import exp

    settings = Settings(
        warehouse="bigquery",
        bigquery_project="nowhere",
        bigquery_api_endpoint="http://127.0.0.1:9",
        home=tmp_path,
    )

    compiled = dbt(settings, "compile", "--no-introspect", "--no-populate-cache")

    assert compiled.code == 0, compiled.output
    files = sorted((target_folder(settings) / "compiled").rglob("*.sql"))
    assert {path.stem for path in MODELS.rglob("*.sql")} <= {path.stem for path in files}
    for path in files:
        [statement] = sqlglot.parse(path.read_text(), dialect="bigquery")
        assert isinstance(statement, exp.Query), path.name
        unknown = {one.name.lower() for one in statement.find_all(exp.Anonymous)}
        assert unknown == set(), path.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A warehouse in which dbt has built the days."""

    settings: Settings

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A feature table, in an order and with times that do not depend on the engine."""
        query = f"SELECT * FROM {self.settings.feature_schema}.{table}"
        with open_warehouse(self.settings) as warehouse:
            found = warehouse.run(query).to_pylist()
        return sorted(({key: plain(row[key]) for key in row} for row in found), key=identity)


def plain(value: Any) -> Any:
    """A time without its zone, which is UTC where an engine gives it."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def identity(row: dict[str, Any]) -> str:
    """What tells rows apart: not the floats, whose last digits may differ."""
    return str([value for value in row.values() if not isinstance(value, float)])


def nearly(row: dict[str, Any]) -> dict[str, Any]:
    """A row to compare with: a float has 32 bits on DuckDB and 64 on BigQuery."""
    return {
        key: pytest.approx(value, rel=1e-6, abs=1e-5) if isinstance(value, float) else value
        for key, value in row.items()
    }


@pytest.fixture(scope="module")
def duckdb(raw_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    settings = settings_of(copy_of_home(raw_home, tmp_path_factory.mktemp("duckdb") / "home"))
    built = build_days(settings, FIRST, END, command="run")
    assert built.code == 0, built.output
    return Engine(settings=settings)


@pytest.fixture(scope="module")
def bigquery(
    raw_home: Path, bigquery_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Engine:
    """Built with dbt's own tests, as on DuckDB."""
    home = tmp_path_factory.mktemp("bigquery")
    settings = bigquery_emulator.settings(home, environment="ci", sandbox="dbt")
    with open_warehouse(settings_of(raw_home)) as source, open_warehouse(settings) as target:
        for table in RAW_TABLES:
            wanted = f" WHERE {RECENT_FLIGHTS}" if table is FLIGHTS else ""
            target.load(table.ref, source.run(f"SELECT * FROM {table.ref}{wanted}").to_reader())
    views = dbt(settings, "build", "--select", "staging")
    assert views.code == 0, views.output
    built = build_days(settings, FIRST, END)
    assert built.code == 0, built.output
    return Engine(settings=settings)


@on_the_emulator
@pytest.mark.parametrize("table", TABLES)
def test_both_engines_make_the_same_rows(bigquery: Engine, duckdb: Engine, table: str) -> None:
    expected = duckdb.rows(table)
    assert len(expected) > 1
    assert bigquery.rows(table) == [nearly(row) for row in expected]


@on_the_emulator
def test_a_day_that_is_built_again_is_replaced_and_the_other_stays(bigquery: Engine) -> None:
    before = bigquery.rows("flight_features")
    again = build_days(bigquery.settings, LAST, END, command="run")
    assert again.code == 0, again.output
    assert bigquery.rows("flight_features") == [nearly(row) for row in before]
