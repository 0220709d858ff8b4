"""What the macros of `dbt_features` read grows with the days built, not with the history."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.support.dbt_runs import dbt, settings_of
from tests.support.macro_project import macro_project

pytestmark = pytest.mark.integration

ROWS_A_DAY: Final = 24
LAST_DAY: Final = "2024-03-12"
SOURCE: Final = """
sources:
  - name: shop
    config: {external_location: "read_parquet('%s/*/*.parquet', hive_partitioning = true)"}
    tables: [{name: orders}]
"""
MODELS: Final = {
    "trailing.sql": "select as_of_day, {{ dbt_features.trailing_sum('n', 7) }} as n from "
    "{{ dbt_features.trailing_days(source('shop', 'orders'), days=7, day='day') }} as history "
    "group by as_of_day",
    "joined.sql": """
with asked as (
    select n, seen_at as asked_at from {{ source('shop', 'orders') }}
    where {{ dbt_features.days_being_built('day') }}
)
select * from {{ dbt_features.point_in_time_join(
    'asked', source('shop', 'orders'), keys='n', columns=['seen_at'], event_time='asked_at',
    known_at='seen_at', max_age_days=7, strictly_before=true, prefix='last_', day='day'
) }} as joined
""",
    "sessions.sql": "select * from {{ dbt_features.sessions(source('shop', 'orders'), keys='n', "
    "at='seen_at', gap_minutes=30, day='day') }} as sessions",
}
# A trailing window reads the days before the day; a join reads the questions too; sessions read
# their day twice, and the day before it.
READ_FOR_ONE_DAY: Final = {"trailing": 7, "joined": 7 + 1 + 1, "sessions": 1 + 1 + 1}


def rows_read(folder: Path, *, history_days: int, first: str, end: str) -> dict[str, int]:
    """How many rows DuckDB reads for each model, from a history with a file a day."""
    import duckdb

    folder.mkdir(exist_ok=True)
    files = folder / "orders"
    duckdb.sql(
        f"COPY (SELECT day::DATE AS day, day + to_hours(n) AS seen_at, n FROM (SELECT "
        f"DATE '{LAST_DAY}' - range::INTEGER AS day FROM range({history_days})) AS days, "
        f"range({ROWS_A_DAY}) AS hours (n)) TO '{files}' (FORMAT parquet, PARTITION_BY (day))"
    )
    models = {**MODELS, "shop.yml": SOURCE % files}
    settings = settings_of(folder / "home", project_dir=macro_project(folder / "shop", models))
    settings.home.mkdir()
    run = dbt(settings, "run", "--event-time-start", first, "--event-time-end", end)
    assert run.code == 0, run.output
    with duckdb.connect(str(settings.duckdb_file), read_only=True) as connection:
        plans = {
            name: connection.execute(
                f"EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM ml_local.{name}"
            ).fetchall()
            for name in READ_FOR_ONE_DAY
        }
    return {
        name: json.loads(plan)["query"]["total_rows_scanned"] for name, [(_, plan)] in plans.items()
    }


def test_a_history_ten_times_as_long_costs_nothing(tmp_path: Path) -> None:
    of_days = {
        days: rows_read(tmp_path / str(days), history_days=days, first="2024-03-11", end=LAST_DAY)
        for days in (10, 100)
    }
    assert of_days[100] == of_days[10]
    assert of_days[100] == {name: n * ROWS_A_DAY for name, n in READ_FOR_ONE_DAY.items()}


def test_each_further_day_costs_its_own_rows(tmp_path: Path) -> None:
    of_ten = rows_read(tmp_path, history_days=100, first="2024-03-02", end=LAST_DAY)
    assert of_ten == {
        # Of several days the last is read too, which is before none of them.
        "trailing": (READ_FOR_ONE_DAY["trailing"] + 10) * ROWS_A_DAY,
        "joined": (READ_FOR_ONE_DAY["joined"] + 2 * 9) * ROWS_A_DAY,
        "sessions": (READ_FOR_ONE_DAY["sessions"] + 2 * 9) * ROWS_A_DAY,
    }
