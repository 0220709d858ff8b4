"""Raw tables and dbt models as Dagster assets, run by Dagster itself."""

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ml_platform.errors import FeatureBuildError
from ml_platform.features.raw_assets import build_raw_assets
from ml_platform.resources import resources_from
from ml_platform.settings import Settings
from tests.support.dbt_runs import (
    assets_of,
    change_file,
    changed_project,
    copy_of_home,
    settings_of,
)

pytestmark = pytest.mark.integration

DAYS = ["2013-01-10", "2013-01-11", "2013-01-12"]
RANGE = {
    "dagster/asset_partition_range_start": DAYS[0],
    "dagster/asset_partition_range_end": DAYS[-1],
}
FEATURES = {
    "aircraft",
    "aircraft_delay_history",
    "carrier_delay_history",
    "destination_delay_history",
    "flight_features",
    "flight_schedule",
    "origin_delay_history",
    "origin_weather",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """The assets over one home."""

    raw: dg.AssetsDefinition
    dbt: dg.AssetsDefinition
    resources: Mapping[str, object]

    @property
    def specs(self) -> list[dg.AssetSpec]:
        return [*self.raw.specs, *self.dbt.specs]

    def group(self, name: str) -> list[dg.AssetKey]:
        return [spec.key for spec in self.specs if spec.group_name == name]

    def materialize(
        self, keys: Collection[dg.AssetKey], tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(
                [self.raw, self.dbt],
                selection=list(keys),
                tags=dict(tags or {}),
                instance=instance,
                resources=self.resources,
                raise_on_error=False,
            )


def graph_of(settings: Settings) -> Graph:
    return Graph(
        raw=build_raw_assets(),
        dbt=assets_of(settings),
        resources=resources_from(settings).by_key(),
    )


@pytest.fixture(scope="module")
def settings(raw_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_of(copy_of_home(raw_home, tmp_path_factory.mktemp("assets") / "home"))


@pytest.fixture(scope="module")
def graph(settings: Settings) -> Graph:
    return graph_of(settings)


@pytest.fixture(scope="module")
def built(graph: Graph) -> dg.ExecuteInProcessResult:
    """Three days of features in one run."""
    result = graph.materialize(graph.group("features"), RANGE)
    assert result.success
    return result


def value_of(result: dg.ExecuteInProcessResult, name: str, day: str, entry: str) -> Any:
    return next(
        event.metadata[entry].value
        for event in result.asset_materializations_for_node("features")
        if event.asset_key == dg.AssetKey(name) and event.partition == day
    )


def test_a_range_of_days_is_one_dbt_invocation(built: dg.ExecuteInProcessResult) -> None:
    events = built.asset_materializations_for_node("features")
    assert {(event.asset_key.to_user_string(), event.partition) for event in events} == {
        (name, day) for name in FEATURES for day in DAYS
    }
    assert len({event.metadata["invocation_id"].value for event in events}) == 1


def test_each_day_says_its_rows(built: dg.ExecuteInProcessResult) -> None:
    rows = [value_of(built, "flight_features", day, "dagster/partition_row_count") for day in DAYS]
    total = value_of(built, "flight_features", DAYS[0], "dagster/row_count")
    assert min(rows) > 500
    assert sum(rows) == total


def test_columns_say_where_they_come_from(built: dg.ExecuteInProcessResult) -> None:
    lineage = value_of(built, "flight_features", DAYS[0], "dagster/column_lineage")
    assert lineage.deps_by_column["dest_late_rate_28d"] == [
        dg.TableColumnDep(dg.AssetKey("destination_delay_history"), "late_rate_28d")
    ]
    assert lineage.deps_by_column["is_late"] == [
        dg.TableColumnDep(dg.AssetKey("stg_flights"), "is_late")
    ]


def test_views_lead_back_to_the_raw_tables(graph: Graph, settings: Settings) -> None:
    result = graph.materialize(graph.group("staging"))
    events = result.asset_materializations_for_node("features")
    [flights] = [event for event in events if event.asset_key == dg.AssetKey("stg_flights")]
    lineage: Any = flights.metadata["dagster/column_lineage"].value
    assert lineage.deps_by_column["is_late"] == [
        dg.TableColumnDep(dg.AssetKey(["raw", "flights"]), "arr_delay")
    ]


def test_every_test_of_dbt_is_a_check_that_passed(
    graph: Graph, built: dg.ExecuteInProcessResult
) -> None:
    evaluations = built.get_asset_check_evaluations()
    assert {(one.asset_key, one.check_name) for one in evaluations} == {
        (spec.asset_key, spec.name)
        for spec in graph.dbt.check_specs
        if spec.asset_key.to_user_string() in FEATURES
    }
    assert [one.check_name for one in evaluations if not one.passed] == []


def test_every_check_reads_as_a_sentence(graph: Graph) -> None:
    specs = graph.dbt.check_specs
    said = {spec.name: spec.description or "" for spec in specs}
    assert len(said) > 20
    assert [name for name, text in said.items() if not text.endswith(".")] == []


def test_every_asset_is_described_and_owned(graph: Graph) -> None:
    bare = [
        spec.key.to_user_string()
        for spec in graph.specs
        if not (spec.description and spec.owners and spec.kinds)
        or spec.group_name not in ("raw", "staging", "features")
        or "dagster/column_schema" not in spec.metadata
    ]
    assert bare == []


def test_the_views_stand_on_the_raw_assets(graph: Graph) -> None:
    upstream = {dep.asset_key for spec in graph.dbt.specs for dep in spec.deps}
    assert graph.raw.keys <= upstream


def test_raw_tables_that_are_there_are_not_loaded_again(graph: Graph) -> None:
    result = graph.materialize(graph.group("raw"))
    events = result.asset_materializations_for_node("raw_data")
    assert {event.metadata["new"].value for event in events} == {False}
    rows: list[Any] = [event.metadata["dagster/row_count"].value for event in events]
    assert sum(rows) == 367_687


def test_a_model_that_fails_is_named_and_one_whose_test_fails_is_not_there(
    raw_home: Path, tmp_path: Path
) -> None:
    project = changed_project(
        tmp_path / "dbt", "models/features/aircraft.sql", {"planes.seats": "planes.chairs"}
    )
    too_early = "    reported_hour - interval 1 hour as known_at\nfrom directed"
    change_file(
        project / "models/features/origin_weather.sql",
        {"    known_at\nfrom directed": too_early},
    )
    broken = settings_of(copy_of_home(raw_home, tmp_path / "home"), project_dir=project)
    graph = graph_of(broken)
    result = graph.materialize(graph.group("features"), RANGE)
    [failure] = result.get_step_failure_events()
    wrapped = failure.step_failure_data.error
    assert wrapped is not None
    error = wrapped.cause
    assert error is not None
    assert error.cls_name == FeatureBuildError.__name__
    assert "aircraft (error)" in error.message
    assert "chairs" in error.message
    # What does not depend on the broken model was built and is recorded, if it passed its tests.
    events = result.asset_materializations_for_node("features")
    made = {event.asset_key.to_user_string() for event in events}
    assert "carrier_delay_history" in made
    assert "origin_weather" not in made
    failing = {one.asset_key for one in result.get_asset_check_evaluations() if not one.passed}
    assert failing == {dg.AssetKey("origin_weather")}


def test_loading_the_definitions_imports_no_engine(settings: Settings) -> None:
    code = (
        "import json, sys, ml_platform.defs.features as f, ml_platform.defs.raw_data as r;"
        "f.defs(); r.defs();"
        "print(json.dumps([n for n in ('duckdb', 'pyarrow', 'google.cloud.bigquery', 'dbt.cli', "
        "'ray', 'torch') if n in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
