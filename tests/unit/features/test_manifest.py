"""What is read out of dbt's manifest, without dbt."""

from collections.abc import Mapping
from typing import Any

import pytest

from ml_platform.errors import DbtProjectError
from ml_platform.features.manifest import read_nodes
from ml_platform.features.nodes import Node, Project, from_json, to_json


def raw(name: str, *, package: str = "shop", **changes: Any) -> dict[str, Any]:
    """A model as the manifest has it."""
    said: dict[str, Any] = {
        "unique_id": f"model.{package}.{name}",
        "resource_type": "model",
        "name": name,
        "alias": name,
        "package_name": package,
        "original_file_path": f"models/{name}.sql",
        "fqn": [package, name],
        "schema": "dev",
        "config": {"materialized": "incremental"},
        "depends_on": {"nodes": []},
    }
    return said | changes


def check_of(name: str, *reads: str, **changes: Any) -> dict[str, Any]:
    """A test that reads models."""
    return {
        "unique_id": f"test.shop.{name}",
        "resource_type": "test",
        "name": name,
        "package_name": "shop",
        "depends_on": {"nodes": [f"model.shop.{one}" for one in reads]},
        "config": {},
    } | changes


def read(*nodes: Mapping[str, Any]) -> Project:
    manifest = {
        "metadata": {"project_name": "shop", "adapter_type": "duckdb"},
        "nodes": {one["unique_id"]: one for one in nodes},
        "sources": {},
    }
    return read_nodes(manifest, version="v")


def one(**config: Any) -> Node:
    return read(raw("orders", config=config)).nodes["model.shop.orders"]


BY_DAY = {"field": "sold_on", "data_type": "date"}


@pytest.mark.parametrize(
    ("config", "day"),
    [
        ({}, ""),
        ({"event_time": "sold_at"}, "sold_at"),
        ({"partition_by": BY_DAY}, "sold_on"),
        ({"partition_by": BY_DAY, "event_time": "sold_at"}, "sold_on"),
        ({"partition_by": {"field": "sold_at", "data_type": "TIMESTAMP"}}, "sold_at"),
        ({"partition_by": {"field": "n", "data_type": "int64"}, "event_time": "sold_at"}, ""),
        ({"partition_by": ["sold_on"]}, ""),
        ({"meta": {"ml_platform": {"partition_column": "d"}}, "partition_by": BY_DAY}, "d"),
        ({"meta": {"ml_platform": {"partition_column": None}}, "partition_by": BY_DAY}, ""),
    ],
)
def test_the_event_day_is_where_the_model_says(config: dict[str, Any], day: str) -> None:
    found = one(**config)
    assert (found.event_day, found.is_daily) == (day, bool(day))


@pytest.mark.parametrize(
    ("config", "period"),
    [
        ({}, "day"),
        ({"batch_size": "hour"}, "hour"),
        (
            {"partition_by": {"field": "t", "data_type": "timestamp", "granularity": "MONTH"}},
            "month",
        ),
        ({"batch_size": "hour", "meta": {"ml_platform": {"period": "week"}}}, "week"),
    ],
)
def test_what_it_is_built_by_is_said(config: dict[str, Any], period: str) -> None:
    assert one(**config).period == period


def test_an_ephemeral_model_is_no_asset_and_its_parents_are_read_in_its_place() -> None:
    project = read(
        raw("orders"),
        raw(
            "helper",
            config={"materialized": "ephemeral"},
            depends_on={"nodes": ["model.shop.orders"]},
        ),
        raw("report", depends_on={"nodes": ["model.shop.helper", "model.shop.orders"]}),
    )
    assert set(project.nodes) == {"model.shop.orders", "model.shop.report"}
    assert project.nodes["model.shop.report"].parents == ("model.shop.orders",)


def test_a_model_of_a_package_gives_way_to_one_of_the_project() -> None:
    project = read(raw("orders"), raw("orders", package="parts"), raw("bolts", package="parts"))
    assets = {unique_id: node.asset for unique_id, node in project.nodes.items()}
    assert assets == {
        "model.shop.orders": "orders",
        "model.parts.orders": "parts/orders",
        "model.parts.bolts": "bolts",
    }


def test_two_of_one_key_are_both_named_with_their_files() -> None:
    packages = (raw("orders", package="parts"), raw("orders", package="more"))
    with pytest.raises(DbtProjectError) as caught:
        read(*packages)
    assert "model.parts.orders (models/orders.sql) and model.more.orders" in caught.value.message
    assert "asset_key: [more, orders]" in caught.value.hint


def test_a_test_of_several_models_is_of_the_last_that_is_made() -> None:
    below = raw("below", depends_on={"nodes": ["model.shop.orders"]})
    project = read(raw("orders"), below, check_of("both", "below", "orders"))
    found = project.tests["test.shop.both"]
    assert (found.node, found.others) == ("model.shop.below", ("model.shop.orders",))


def test_a_test_may_say_which_model_it_is_of() -> None:
    said = {"meta": {"dagster": {"ref": {"name": "orders"}}}}
    below = raw("below", depends_on={"nodes": ["model.shop.orders"]})
    project = read(raw("orders"), below, check_of("both", "below", "orders", config=said))
    assert project.tests["test.shop.both"].node == "model.shop.orders"


def test_what_is_kept_is_read_back_as_it_was() -> None:
    columns = {"n": {"name": "n", "data_type": None, "description": "Its number."}}
    project = read(raw("orders", columns=columns), check_of("n_is_there", "orders"))
    assert from_json(to_json(project)) == project


def test_meta_of_another_shape_names_its_file() -> None:
    wrong = raw("orders", config={"meta": {"dagster": "me"}}, patch_path="shop://models/o.yml")
    with pytest.raises(DbtProjectError) as caught:
        read(wrong)
    assert "models/o.yml" in caught.value.hint
