"""The SQL text for BigQuery."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_platform.errors import WarehouseError
from ml_platform.settings import Settings
from ml_platform.warehouse.bigquery_sql import (
    day_of_partition,
    days_restriction,
    export_statement,
    exported_files,
    job_labels,
    quoted,
    select_days,
    with_at_parameters,
)
from ml_platform.warehouse.interface import TableRef


def test_named_parameters_are_written_with_an_at_sign() -> None:
    assert with_at_parameters("select * from t where day = $day and id < $most") == (
        "select * from t where day = @day and id < @most",
        frozenset({"day", "most"}),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "select '$day'",
        r"select 'it\'s $day'",
        'select "$day"',
        "select * from `t$20130301`",
        "select 1 -- costs $day",
        "select 1 /* costs\n$day */",
        "select '$5'",
    ],
)
def test_a_dollar_in_a_text_a_name_or_a_comment_is_no_parameter(sql: str) -> None:
    assert with_at_parameters(sql) == (sql, frozenset())


def test_days_that_follow_each_other_become_one_range() -> None:
    assert days_restriction("day", ["2013-03-01", "2013-02-27", "2013-02-28"]) == (
        "`day` >= DATE '2013-02-27' AND `day` <= DATE '2013-03-01'"
    )


def test_days_with_gaps_become_a_list() -> None:
    assert days_restriction("day", ["2013-03-03", "2013-03-01"]) == (
        "`day` IN (DATE '2013-03-01', DATE '2013-03-03')"
    )


@pytest.mark.parametrize(
    ("kind", "first", "end"),
    [
        ("TIMESTAMP", "TIMESTAMP '2013-02-28 00:00:00+00'", "TIMESTAMP '2013-03-02 00:00:00+00'"),
        ("DATETIME", "DATETIME '2013-02-28 00:00:00'", "DATETIME '2013-03-02 00:00:00'"),
    ],
)
def test_moments_are_compared_with_moments(kind: str, first: str, end: str) -> None:
    days = ["2013-02-28", "2013-03-01"]
    assert days_restriction("at", days, kind=kind) == f"`at` >= {first} AND `at` < {end}"


def test_moments_of_days_with_gaps_become_a_span_each() -> None:
    found = days_restriction("at", ["2013-03-03", "2013-03-01"], kind="DATETIME")
    assert found == (
        "`at` >= DATETIME '2013-03-01 00:00:00' AND `at` < DATETIME '2013-03-02 00:00:00' OR "
        "`at` >= DATETIME '2013-03-03 00:00:00' AND `at` < DATETIME '2013-03-04 00:00:00'"
    )


def test_a_partition_column_that_says_no_day_is_refused() -> None:
    with pytest.raises(WarehouseError, match="'day' is STRING, which says no day"):
        days_restriction("day", ["2013-03-01"], kind="STRING")


def test_a_partition_that_is_no_day_is_refused() -> None:
    with pytest.raises(WarehouseError, match="is no day"):
        days_restriction("day", ["2013-03-01' OR true"])


def test_a_name_cannot_end_its_own_quotes() -> None:
    with pytest.raises(WarehouseError, match="is no name of a table or column"):
        quoted("flights` where true --")


def test_rows_of_the_past_in_order_are_one_statement() -> None:
    assert (
        select_days(
            TableRef("ml_local", "flight_features"),
            partition_column="partition_date",
            partitions=["2013-03-01"],
            columns=["carrier", "is_late"],
            order_by=["flight_id"],
            at=datetime(2013, 3, 2, 1, 2, 3, 456789, tzinfo=UTC),
        )
        == """\
SELECT `carrier`, `is_late`
FROM `ml_local.flight_features` FOR SYSTEM_TIME AS OF TIMESTAMP '2013-03-02 01:02:03.456789+00:00'
WHERE `partition_date` >= DATE '2013-03-01' AND `partition_date` <= DATE '2013-03-01'
ORDER BY `flight_id`"""
    )


def test_an_export_writes_parquet_over_what_an_earlier_try_left() -> None:
    statement = export_statement("SELECT 1", "gs://bucket/day/part-*.parquet")
    assert "uri = 'gs://bucket/day/part-*.parquet'" in statement
    assert "overwrite = true" in statement
    assert statement.endswith("AS\nSELECT 1")


def test_exported_files_are_numbered_from_zero_with_twelve_digits() -> None:
    assert exported_files("gs://bucket/part-*.parquet", 2) == [
        "gs://bucket/part-000000000000.parquet",
        "gs://bucket/part-000000000001.parquet",
    ]


@pytest.mark.parametrize(
    ("partition_id", "day"),
    [
        ("20130301", "2013-03-01"),
        ("__NULL__", None),
        ("__UNPARTITIONED__", None),
        ("2013030112", None),
    ],
)
def test_only_days_are_partitions(partition_id: str, day: str | None) -> None:
    assert day_of_partition(partition_id) == day


def test_jobs_carry_environment_and_sandbox(tmp_path: Path) -> None:
    assert job_labels(Settings(environment="prod", sandbox="ann", home=tmp_path)) == {
        "application": "ml_platform",
        "environment": "prod",
        "sandbox": "ann",
    }


def test_without_a_sandbox_no_empty_label_is_sent(tmp_path: Path) -> None:
    assert "sandbox" not in job_labels(Settings(environment="prod", home=tmp_path))
