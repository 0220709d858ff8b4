"""A day that has lost its rows in the source loses them in the table when it is built again."""

from pathlib import Path
from typing import Final

import pytest

from ml_platform.warehouse.open import open_warehouse
from tests.support.dbt_runs import build_days, project_of, settings_of

pytestmark = pytest.mark.integration

SOURCES: Final = """
sources:
  - name: shop
    config: {external_location: "read_parquet('{{ env_var('ORDERS') }}')"}
    tables: [{name: orders}]
"""
ORDERS: Final = """
{{ config(contract={'enforced': false}) }}
select partition_date, n from {{ source('shop', 'orders') }}
where {{ dbt_features.days_being_built('partition_date') }}
"""


def write_orders(path: Path, *days: str) -> None:
    import duckdb

    rows = ", ".join(f"(date '{day}', 1)" for day in days)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM (VALUES {rows}) t(partition_date, n)) TO '{path}'")


def test_it_is_empty_and_the_other_days_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"features/sources.yml": SOURCES, "features/shop_orders.sql": ORDERS}
    project = project_of(tmp_path / "dbt", files)
    settings = settings_of(tmp_path / "home", project_dir=project)
    settings.home.mkdir()
    orders = tmp_path / "orders.parquet"
    monkeypatch.setenv("ORDERS", str(orders))

    write_orders(orders, "2013-01-10", "2013-01-11", "2013-01-12")
    before = build_days(settings, "2013-01-10", "2013-01-13")
    write_orders(orders, "2013-01-12")
    after = build_days(settings, "2013-01-11", "2013-01-13")

    assert (before.code, after.code) == (0, 0), before.output + after.output
    with open_warehouse(settings) as warehouse:
        rows = warehouse.run(
            "SELECT partition_date::VARCHAR AS day, n FROM ml_local.shop_orders ORDER BY 1"
        )
    assert rows.to_pylist() == [{"day": "2013-01-10", "n": 1}, {"day": "2013-01-12", "n": 1}]
