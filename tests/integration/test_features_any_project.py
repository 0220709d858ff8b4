"""A project that is nothing like the example is there as a whole, and builds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.asset_utils import build_dbt_specs
from dagster_dbt.dbt_manifest import validate_manifest

from ml_platform.errors import DbtProjectError
from ml_platform.features.nodes import Project
from ml_platform.features.project import load_project, prepared_manifest
from ml_platform.features.specs import built_specs, check_specs, freshness_checks, source_specs
from ml_platform.resources import resources_from
from ml_platform.settings import Settings
from ml_platform.warehouse.duckdb import DuckDBWarehouse
from tests.support.dbt_runs import assets_of
from tests.support.own_project import RAW, shop_project

pytestmark = pytest.mark.integration

REFUNDS: Final = "models: [{{name: refunds, config: {{meta: {}}}}}]"
DAYS: Final = ["2013-01-10", "2013-01-11"]
RANGE: Final = {
    "dagster/asset_partition_range_start": DAYS[0],
    "dagster/asset_partition_range_end": DAYS[-1],
}
BUILT: Final = {
    *("orders", "refunds", "by_hour", "marts/cities", "marts/doubled", "priced_v1", "priced_now"),
    *("some/where/owned", "reference/cities_seed", "kept", "parts/orders", "bolts"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """The parsed project."""

    settings: Settings
    project: Project

    @property
    def specs(self) -> dict[str, dg.AssetSpec]:
        """By key."""
        return {one.key.to_user_string(): one for one in built_specs(self.project, self.settings)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("any")
    file = folder / "shop.duckdb"
    with DuckDBWarehouse(file) as warehouse:
        for statement in RAW.split("; "):
            warehouse.run(statement)
    settings = Settings(home=folder / "home", project_dir=shop_project(folder), duckdb_path=file)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SHOP_FILE", str(file))
        yield Shop(settings=settings, project=load_project(settings))


@pytest.fixture(scope="module")
def built(shop: Shop) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [assets_of(shop.settings), *source_specs(shop.project, made=())],
            resources=resources_from(shop.settings).by_key(),
            selection=dg.AssetSelection.all() - dg.AssetSelection.groups("till"),
            tags=RANGE,
            instance=instance,
            raise_on_error=False,
        )


def made(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], Any]:
    return {
        (event.asset_key.to_user_string(), event.partition): event.metadata
        for event in result.asset_materializations_for_node("features")
    }


def test_every_enabled_node_is_an_asset_and_no_other(shop: Shop) -> None:
    assert set(shop.specs) == BUILT
    sources = source_specs(shop.project, made=())
    assert [spec.key.to_user_string() for spec in sources] == ["till/sales"]


def test_what_has_an_event_day_has_the_daily_partition(shop: Shop) -> None:
    daily = {key for key, spec in shop.specs.items() if spec.partitions_def is not None}
    assert daily == {"orders", "by_hour"}
    assert shop.specs["by_hour"].metadata["ml_platform/built_by"] == "hour"
    assert "Built by hour" in (shop.specs["by_hour"].description or "")


def test_a_group_is_what_was_said_or_the_group_in_dbt_or_the_folder(shop: Shop) -> None:
    groups = {key: spec.group_name for key, spec in shop.specs.items()}
    assert groups["some/where/owned"] == "special"
    assert groups["marts/cities"] == "finance"
    assert groups["marts/doubled"] == "marts"
    assert groups["orders"] == groups["priced_now"] == "shop"
    assert groups["refunds"] == "orders"
    assert groups["bolts"] == "parts"


def test_specs_are_those_of_dagster_dbt(shop: Shop) -> None:
    manifest = validate_manifest(prepared_manifest(shop.settings))
    # dagster-dbt refuses two models of one name, and has no way out for those of packages.
    manifest = {**manifest, "nodes": dict(manifest["nodes"])}
    manifest["nodes"].pop("model.parts.orders")
    manifest["nodes"].pop("model.parts.bolts")
    manifest["child_map"] = {
        key: children
        for key, children in manifest["child_map"].items()
        if not key.startswith("model.parts.")
    }
    stock, stock_checks = build_dbt_specs(
        translator=DagsterDbtTranslator(),
        manifest=manifest,
        select="fqn:*",
        exclude="",
        selector="",
        io_manager_key=None,
        project=None,
    )
    ours = shop.specs
    for theirs in stock:
        mine = ours[theirs.key.to_user_string()]
        assert (mine.owners, mine.kinds, mine.code_version, mine.skippable) == (
            theirs.owners,
            theirs.kinds,
            theirs.code_version,
            theirs.skippable,
        )
        assert {dep.asset_key for dep in mine.deps} == {dep.asset_key for dep in theirs.deps}
        assert dict(theirs.tags).items() <= dict(mine.tags).items()
        for name in ("dagster/table_name", "dagster-dbt/materialization_type"):
            assert mine.metadata[name] == theirs.metadata[name]
    blocking = {check.key: check.blocking for check in check_specs(shop.project)}
    assert {check.key: check.blocking for check in stock_checks}.items() <= blocking.items()


def test_tests_of_sources_of_several_models_and_of_units_are_checks(shop: Shop) -> None:
    keys = {(one.asset_key.to_user_string(), one.name) for one in check_specs(shop.project)}
    assert {
        ("till/sales", "source_not_null_till_sales_n"),
        ("marts/cities", "no_more_cities"),
        ("marts/doubled", "doubles"),
    } <= keys


def test_freshness_is_checked_where_it_is_asked_for(shop: Shop) -> None:
    [checks] = freshness_checks(shop.project)
    assert {key.asset_key for key in checks.check_keys} == {dg.AssetKey(["some", "where", "owned"])}


def test_the_whole_project_is_one_run_of_dbt(built: dg.ExecuteInProcessResult) -> None:
    assert built.success
    found = made(built)
    days = {(key, day) for key in ("orders", "by_hour") for day in DAYS}
    whole = {(key, None) for key in BUILT - {"orders", "by_hour"}}
    assert found.keys() == days | whole
    assert len({one["invocation_id"].value for one in found.values()}) == 1


def test_a_day_has_its_rows(built: dg.ExecuteInProcessResult) -> None:
    rows = {day: made(built)["orders", day]["dagster/partition_row_count"].value for day in DAYS}
    assert rows == {"2013-01-10": 16, "2013-01-11": 14}


def test_every_check_of_what_was_built_was_made(
    shop: Shop, built: dg.ExecuteInProcessResult
) -> None:
    evaluated = {(one.asset_key, one.check_name) for one in built.get_asset_check_evaluations()}
    assert evaluated == {
        (one.asset_key, one.name)
        for one in check_specs(shop.project)
        if one.asset_key != dg.AssetKey(["till", "sales"])
    }


def test_a_model_is_built_without_those_of_the_folder_of_its_name(shop: Shop) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [assets_of(shop.settings)],
            resources=resources_from(shop.settings).by_key(),
            selection=[dg.AssetKey("orders")],
            partition_key=DAYS[0],
            instance=instance,
        )
    assert made(result).keys() == {("orders", DAYS[0])}


def test_a_target_may_be_chosen(shop: Shop) -> None:
    nightly = shop.settings.model_copy(update={"dbt_target": "nightly"})
    assert load_project(nightly).nodes["model.shop.priced.v1"].schema == "nightly"
    assert shop.project.nodes["model.shop.priced.v1"].schema == "dev_ada"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profiles.yml": "other: {}"}, "has no profile 'shop_profile'"),
        (
            {
                "models/a/clash.sql": "select 1 as n",
                "models/clash.yml": "models: [{name: clash, config: {meta: {dagster: "
                "{asset_key: orders}}}}]",
            },
            "would both be the asset orders",
        ),
        (
            {"models/bad.yml": REFUNDS.format("{dagster: {owners: [me]}}")},
            "an owner is an e-mail address or team:<name>, found 'me'",
        ),
        (
            {"models/bad.yml": REFUNDS.format("{ml_platform: {period: decade}}")},
            "found 'decade'",
        ),
    ],
    ids=["profile", "two of one key", "owner", "period"],
)
def test_a_mistake_names_its_file(
    changes: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_FILE", str(tmp_path / "shop.duckdb"))
    project = shop_project(tmp_path, changes)
    with pytest.raises(DbtProjectError) as caught:
        load_project(Settings(home=tmp_path / "home", project_dir=project))
    assert said in caught.value.message
    assert any(name.split("/")[-1] in str(caught.value) for name in changes)


def test_a_target_that_the_profile_lacks_is_named(shop: Shop) -> None:
    lost = shop.settings.model_copy(update={"dbt_target": "prod"})
    with pytest.raises(DbtProjectError, match="no target 'prod', only dev, nightly"):
        load_project(lost)
