"""Every kind of dbt model that builds: its asset is there, with what is known of it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest

from ml_platform.errors import FeatureBuildError
from ml_platform.resources import resources_from
from ml_platform.settings import Settings
from ml_platform.warehouse.duckdb import DuckDBWarehouse
from tests.support.dbt_runs import assets_of, project_of, settings_of

pytestmark = pytest.mark.integration

# What an address would have to encode: a project may lie in any folder.
ODD: Final = "pro ject #1 100%41 what?"
DAY: Final = "2013-01-10"
NO_PARSE: Final = "Partial parsing enabled, no changes found, skipping parsing"
OF_DAY: Final = "where {{ dbt_features.days_being_built('partition_date') }}"
LOOSE: Final = "contract={'enforced': false}"

# Files in place of a table, as dbt-duckdb reads them.
SOURCES: Final = """
sources:
  - name: shop
    config: {external_location: "read_parquet('{{ env_var('ORDERS') }}')"}
    tables: [{name: orders}]
"""

ORDERS: Final = f"select partition_date, n from {{{{ source('shop', 'orders') }}}} {OF_DAY}"

DESCRIBED: Final = """
models:
  - name: over_ephemeral
    columns: [{name: partition_date, data_type: date}, {name: twice, data_type: bigint}]
  - name: versioned
    latest_version: 2
    versions: [{v: 1}, {v: 2}]
  - name: quiet
    config: {meta: {ml_platform: {empty_days: allowed}}}
"""

MODELS: Final = {
    "features/sources.yml": SOURCES,
    "features/models.yml": DESCRIBED,
    "features/aliased.sql": f"{{{{ config(alias='orders_daily', {LOOSE}) }}}} {ORDERS}",
    "features/customised.sql": f"{{{{ config(schema='extra', {LOOSE}) }}}} {ORDERS}",
    "features/helper.sql": "{{ config(materialized='ephemeral', "
    + LOOSE
    + ") }} select partition_date, n * 2 as doubled from {{ ref('aliased') }}",
    "features/over_ephemeral.sql": f"{{{{ config({LOOSE}) }}}} select partition_date, "
    f"doubled as twice from {{{{ ref('helper') }}}} {OF_DAY}",
    "features/versioned_v1.sql": f"{{{{ config({LOOSE}) }}}} {ORDERS}",
    "features/versioned_v2.sql": f"{{{{ config({LOOSE}) }}}} {ORDERS}",
    "features/lookup.sql": f"{{{{ config(materialized='table', {LOOSE}) }}}} "
    "select distinct n from {{ source('shop', 'orders') }}",
    "features/quiet.sql": f"{{{{ config({LOOSE}) }}}} {ORDERS} and n < 0",
    "features/silent.sql": f"{{{{ config({LOOSE}) }}}} {ORDERS} and n < 0",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """The assets of the project, and what they use."""

    settings: Settings
    features: dg.AssetsDefinition

    def materialize(self, *names: str) -> dg.ExecuteInProcessResult:
        """Build the tables of these names, or all, for the day that has rows."""
        selection = [dg.AssetKey.from_user_string(name) for name in names] or list(
            self.features.keys
        )
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(
                [self.features],
                resources=resources_from(self.settings).by_key(),
                selection=selection,
                partition_key=DAY,
                instance=instance,
                raise_on_error=False,
            )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("kinds")
    settings = settings_of(folder / "home", project_dir=project_of(folder / ODD, MODELS))
    with DuckDBWarehouse(folder / "orders.duckdb") as orders:
        orders.run("CREATE TABLE orders AS SELECT DATE '2013-01-10' AS partition_date, 1 AS n")
        orders.run(f"COPY orders TO '{folder / 'orders.parquet'}' (FORMAT parquet)")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ORDERS", str(folder / "orders.parquet"))
        yield Shop(settings=settings, features=assets_of(settings))


@pytest.fixture(scope="module")
def built(shop: Shop) -> dg.ExecuteInProcessResult:
    """All of them."""
    return shop.materialize()


def made(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    events = result.asset_materializations_for_node("features")
    return {event.asset_key.to_user_string(): event for event in events}


def error_of(result: dg.ExecuteInProcessResult) -> Any:
    [failure] = result.get_step_failure_events()
    assert failure.step_failure_data.error is not None
    return failure.step_failure_data.error.cause


def test_every_kind_of_model_is_made_and_counted(built: dg.ExecuteInProcessResult) -> None:
    rows = {
        name: event.metadata["dagster/partition_row_count"].value
        for name, event in made(built).items()
        if "dagster/partition_row_count" in event.metadata
    }
    assert rows == {
        "aliased": 1,
        "extra/customised": 1,
        "over_ephemeral": 1,
        "versioned_v1": 1,
        "versioned_v2": 1,
        "quiet": 0,
    }


def test_a_lookup_table_has_rows_and_no_days(built: dg.ExecuteInProcessResult) -> None:
    lookup = made(built)["lookup"].metadata
    assert lookup["dagster/row_count"].value == 1
    assert "dagster/partition_row_count" not in lookup


def test_lineage_goes_through_an_ephemeral_model_to_a_table_by_another_name(
    built: dg.ExecuteInProcessResult,
) -> None:
    lineage: Any = made(built)["over_ephemeral"].metadata["dagster/column_lineage"].value
    assert lineage.deps_by_column["twice"] == [dg.TableColumnDep(dg.AssetKey("aliased"), "n")]


def test_a_table_without_rows_of_the_day_is_not_made_unless_it_says_that_it_may(
    built: dg.ExecuteInProcessResult,
) -> None:
    assert "silent" not in made(built)
    error = error_of(built)
    assert error.cls_name == FeatureBuildError.__name__
    assert f"silent: wanted rows of {DAY} in ml_local.silent, found none" in error.message
    assert "empty_days: allowed" in error.message
    assert "quiet" not in error.message


def test_a_build_parses_nothing_anew(shop: Shop, built: dg.ExecuteInProcessResult) -> None:
    [kept] = (shop.settings.home / "dbt_target").glob("*/features-*")
    assert NO_PARSE in (kept / "dbt.log").read_text()


def test_a_model_that_is_gone_since_the_project_was_loaded_fails_the_step(
    shop: Shop, tmp_path: Path
) -> None:
    model = shop.settings.project_dir / "models" / "features" / "lookup.sql"
    shutil.move(model, tmp_path)
    try:
        result = shop.materialize("lookup", "versioned_v2")
    finally:
        shutil.move(tmp_path / "lookup.sql", model)
    assert set(made(result)) == {"versioned_v2"}
    error = error_of(result)
    assert "dbt built 1 of 2 tables and says it is done; not built: lookup" in error.message
    assert "reload the code location" in error.message


def test_the_ways_on_name_a_model_as_commands_take_it(
    shop: Shop, built: dg.ExecuteInProcessResult
) -> None:
    folder = shop.settings.project_dir / "models" / "features"
    names = {"customised": "extra/customised", "versioned_v1": "versioned_v1"}
    before = {name: (folder / f"{name}.sql").read_text() for name in names}
    for name, text in before.items():
        (folder / f"{name}.sql").write_text(text.replace(", n from", ", n, n + 1 as extra from"))
    try:
        error = error_of(shop.materialize(*names.values()))
    finally:
        for name, text in before.items():
            (folder / f"{name}.sql").write_text(text)
    for name in names.values():
        assert f"`mlp features refresh {name} --full`" in error.message
