"""What is said of a table after its build."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ml_platform.features.nodes import Node
from ml_platform.features.outcome import Found, look_at_all, shortcoming
from ml_platform.warehouse.duckdb import DuckDBWarehouse
from ml_platform.warehouse.interface import RowCount, TableDescription, TableRef
from tests.support.nodes import node

DAYS = [f"2013-01-{day:02d}" for day in range(1, 9)]


ORDERS = node("orders", identifier="orders_daily")


def test_a_table_with_rows_of_every_day_is_as_it_should_be() -> None:
    assert shortcoming(ORDERS, Found(rows=8, by_day=dict.fromkeys(DAYS, 1)), DAYS) == ""


def test_days_without_rows_are_named_and_not_all_of_many() -> None:
    said = shortcoming(ORDERS, Found(rows=1, by_day={DAYS[0]: 1}), DAYS)
    assert said == (
        "wanted rows of each of 8 days, found none of 2013-01-02, 2013-01-03, 2013-01-04, "
        "2013-01-05, 2013-01-06, … in ml_local.orders_daily"
    )


def test_a_lookup_table_wants_a_row() -> None:
    assert shortcoming(ORDERS, Found(rows=0, by_day=None), DAYS[:1]) == (
        "wanted rows in ml_local.orders_daily, found none"
    )


def model(name: str, materialized: str, *, empty_days: bool = False) -> Node:
    return node(name, materialized=materialized, event_day="", empty_days=empty_days)


STAGED = [
    model("Orders", "table"),
    model("refunds", "incremental"),
    model("lost", "table"),
    model("shops", "view"),
    model("lost_view", "view"),
]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as opened:
        opened.run("CREATE SCHEMA ml_local")
        opened.run("CREATE TABLE ml_local.orders AS SELECT range AS n FROM range(3)")
        opened.run("CREATE TABLE ml_local.refunds (n BIGINT)")
        opened.run("CREATE VIEW ml_local.shops AS SELECT 1 AS n")
        yield opened


def test_what_is_built_whole_is_there_with_its_rows_or_not(warehouse: DuckDBWarehouse) -> None:
    found = look_at_all(warehouse, STAGED, [])
    said = {
        one.ref.name: shortcoming(one, found[one.unique_id], [])
        for one in STAGED
        if one.unique_id in found
    }
    assert said == {
        "Orders": "",
        "refunds": "wanted rows in ml_local.refunds, found none",
        "lost": "wanted the table ml_local.lost, found none",
        "lost_view": "wanted the view ml_local.lost_view, found none",
    }
    assert found["model.p.Orders"] == Found(rows=3, by_day=None)


def test_a_table_that_may_be_empty_has_to_be_there_all_the_same(
    warehouse: DuckDBWarehouse,
) -> None:
    quiet, lost = (model(name, "table", empty_days=True) for name in ("refunds", "lost"))
    found = look_at_all(warehouse, [quiet, lost], [])
    assert shortcoming(quiet, found[quiet.unique_id], []) == ""
    assert shortcoming(lost, found[lost.unique_id], []) != ""


class CountsQuestions(DuckDBWarehouse):
    """Knows how often it was asked for something."""

    asked = 0

    def names(self, schema: str) -> frozenset[str]:
        self.asked += 1
        return super().names(schema)

    def describe(self, table: TableRef, *, partition_column: str | None = None) -> TableDescription:
        self.asked += 1
        return super().describe(table, partition_column=partition_column)

    def count_rows(
        self, tables: Mapping[TableRef, str], days: Sequence[str]
    ) -> dict[TableRef, RowCount]:
        self.asked += 1
        return super().count_rows(tables, days)


def test_hundreds_of_models_are_looked_at_in_two_questions(tmp_path: Path) -> None:
    whole = [model(f"t{number}", "table") for number in range(300)]
    daily = [node(f"d{number}") for number in range(300)]
    views = [model("shops", "view")]
    with CountsQuestions(tmp_path / "warehouse.duckdb") as opened:
        opened.run("CREATE SCHEMA ml_local")
        opened.run("; ".join(f"CREATE TABLE {one.ref} AS SELECT 1 AS n" for one in whole))
        day = f"DATE '{DAYS[0]}' AS PARTITION_DATE"
        opened.run("; ".join(f"CREATE TABLE {one.ref} AS SELECT {day}" for one in daily))
        opened.run("CREATE VIEW ml_local.shops AS SELECT 1 AS n")
        found = look_at_all(opened, [*whole, *daily, *views], DAYS[:2])
        assert opened.asked == 2
    assert {found[one.unique_id] for one in whole} == {Found(rows=1, by_day=None)}
    assert [found[one.unique_id] for one in daily] == [Found(rows=1, by_day={DAYS[0]: 1})] * 300
    assert "model.p.shops" not in found
