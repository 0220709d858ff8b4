"""The DuckDB warehouse's SQL, and what it reads out of a plan."""

import pytest

from ml_platform.warehouse import duckdb_sql
from ml_platform.warehouse.interface import TableRef

TABLE = TableRef("ml", "flights")


def test_names_may_hold_quotes() -> None:
    assert duckdb_sql.table_name(TableRef("a", 'b"c')) == '"a"."b""c"'


def test_texts_may_hold_quotes() -> None:
    assert duckdb_sql.text("it's") == "'it''s'"


def test_days_are_selected_by_date_and_sorted() -> None:
    sql = duckdb_sql.select_days(
        TABLE,
        partition_column="day",
        partitions=["2013-03-01", "2013-03-02"],
        columns=["id", "x"],
        order_by=["id"],
    )
    assert sql == (
        'SELECT "id", "x" FROM "ml"."flights" WHERE CAST("day" AS DATE) IN '
        "(DATE '2013-03-01', DATE '2013-03-02') ORDER BY \"id\""
    )


def test_comments_describe_columns_and_the_table() -> None:
    assert duckdb_sql.comments(TABLE, {"": "Flights.", "id": "Its id."}) == [
        'COMMENT ON TABLE "ml"."flights" IS \'Flights.\'',
        'COMMENT ON COLUMN "ml"."flights"."id" IS \'Its id.\'',
    ]


@pytest.mark.parametrize(
    ("kind", "width"),
    [("BOOLEAN", 1), ("FLOAT", 4), ("DOUBLE", 8), ("VARCHAR", 16), ("DECIMAL(18,3)", 8)],
)
def test_a_type_has_a_width(kind: str, width: int) -> None:
    assert duckdb_sql.width_bytes(kind) == width


def test_scans_are_found_at_any_depth_of_a_plan() -> None:
    scan = {"extra_info": {"Table": "db.ml.flights", "Projections": ["id", "x"]}, "children": []}
    other = {"extra_info": {"Table": "db.ml.days", "Projections": "day"}, "children": []}
    plan = [{"name": "JOIN", "extra_info": {}, "children": [{"children": [scan]}, other]}]
    assert duckdb_sql.scanned_tables(plan) == [
        ("db.ml.flights", ["id", "x"]),
        ("db.ml.days", ["day"]),
    ]


def test_a_scan_of_no_column_reads_none() -> None:
    count = [{"extra_info": {"Table": "db.ml.flights"}, "children": []}]
    assert duckdb_sql.scanned_tables(count) == [("db.ml.flights", [])]
