"""The dbt project by its command line: days, repeats, and what costs a parse."""

from pathlib import Path
from typing import Any

import pytest

from ml_platform.errors import DbtProjectError
from ml_platform.features.project import prepared_manifest, target_folder
from ml_platform.settings import Settings
from ml_platform.warehouse.interface import TableRef
from ml_platform.warehouse.open import open_warehouse
from tests.support.dbt_runs import build_days, changed_project, copy_of_home, settings_of

pytestmark = pytest.mark.integration

NO_PARSE = "Partial parsing enabled, no changes found, skipping parsing"


def rows_of(settings: Settings, sql: str) -> list[dict[str, Any]]:
    with open_warehouse(settings) as warehouse:
        return warehouse.run(sql).to_pylist()


@pytest.fixture
def settings(platform_home: Path, tmp_path: Path) -> Settings:
    return settings_of(copy_of_home(platform_home, tmp_path / "home"))


def test_other_days_parse_nothing_anew(settings: Settings) -> None:
    # The home has moved, and with it the variables that the profile reads: one parse is due.
    build_days(settings, "2013-02-01", "2013-02-02", command="run")
    other = build_days(settings, "2013-02-10", "2013-02-12", command="run")
    assert NO_PARSE in other.log
    assert ">= cast('2013-02-10' as date)" in other.log
    assert "< cast('2013-02-12' as date)" in other.log


def test_a_day_built_alone_is_the_day_built_in_a_range(settings: Settings) -> None:
    day = "SELECT * FROM ml_local.flight_features WHERE partition_date = '2013-02-14' ORDER BY 1"
    in_a_range = rows_of(settings, day)
    total = "SELECT count(*) AS n FROM ml_local.flight_features"
    before = rows_of(settings, total)
    with open_warehouse(settings) as warehouse:
        warehouse.run("DELETE FROM ml_local.flight_features WHERE partition_date = '2013-02-14'")
    built = build_days(settings, "2013-02-14", "2013-02-15")
    assert built.code == 0, built.output
    assert len(in_a_range) > 800
    assert rows_of(settings, day) == in_a_range
    assert rows_of(settings, total) == before


def test_a_flight_is_found_on_the_utc_day_of_its_departure(platform_home: Path) -> None:
    found = rows_of(
        settings_of(platform_home),
        "SELECT flight_id, partition_date::VARCHAR AS day, scheduled_departure_at::VARCHAR AS at, "
        "departure_hour, weekday FROM ml_local.flight_features "
        "WHERE flight_id = '2013-01-04-B6-707-JFK'",
    )
    # 23:59 in New York on Friday the 4th is 04:59 of the 5th in UTC.
    assert found == [
        {
            "flight_id": "2013-01-04-B6-707-JFK",
            "day": "2013-01-05",
            "at": "2013-01-05 04:59:00",
            "departure_hour": "23",
            "weekday": 5.0,
        }
    ]


def test_arrivals_agree_with_the_time_in_the_air(raw_home: Path) -> None:
    """The schedule has no date and no zone of arrival; real minutes in the air prove both."""
    found = rows_of(
        settings_of(raw_home),
        "SELECT count(*) AS flights, count(*) FILTER (ground < 0 OR ground > 300) AS impossible, "
        "median(ground) AS median_ground_minutes FROM ("
        "  SELECT date_diff('minute', scheduled_departure_at, arrived_at)"
        "    - departure_delay_minutes - air_minutes AS ground"
        "  FROM ml_local.stg_flights WHERE arrived_at IS NOT NULL)",
    )
    assert found == [{"flights": 327_346, "impossible": 0, "median_ground_minutes": 28.0}]


def test_a_history_counts_arrivals_of_the_days_before_and_no_others(platform_home: Path) -> None:
    """A plain recount of one carrier's history, without the steps that the model takes."""
    settings = settings_of(platform_home)
    recount = rows_of(
        settings,
        "SELECT count(*) AS flights_7d, round(avg(is_late), 5) AS late_rate_7d, "
        "max(arrived_at) AS latest_outcome_at FROM ml_local.stg_flights WHERE carrier = 'UA' "
        "AND arrived_at >= '2013-03-03' AND arrived_at < '2013-03-10'",
    )
    stored = rows_of(
        settings,
        "SELECT flights_7d, round(late_rate_7d::DOUBLE, 5) AS late_rate_7d, latest_outcome_at "
        "FROM ml_local.carrier_delay_history "
        "WHERE carrier = 'UA' AND partition_date = '2013-03-10'",
    )
    assert stored == recount


def test_descriptions_reach_the_warehouse(platform_home: Path) -> None:
    with open_warehouse(settings_of(platform_home)) as warehouse:
        described = warehouse.describe(TableRef("ml_local", "flight_features"))
    assert [column.name for column in described.columns if not column.description] == []


def test_a_project_that_cannot_be_parsed_says_where(tmp_path: Path) -> None:
    project = changed_project(
        tmp_path / "dbt", "models/features/aircraft.sql", {"ref('stg_planes')": "ref('planes')"}
    )
    with pytest.raises(DbtProjectError, match="cannot parse") as caught:
        prepared_manifest(settings_of(tmp_path / "home", project_dir=project))
    assert "depends on a node named 'planes'" in caught.value.message


def test_a_prepared_manifest_is_not_prepared_again_also_where_the_home_has_moved(
    raw_home: Path, tmp_path: Path
) -> None:
    settings = settings_of(raw_home)
    before = prepared_manifest(settings).stat().st_mtime_ns
    assert prepared_manifest(settings).stat().st_mtime_ns == before
    moved = settings_of(copy_of_home(raw_home, tmp_path / "home"))
    there = (target_folder(moved) / "manifest.json").stat().st_mtime_ns
    assert prepared_manifest(moved).stat().st_mtime_ns == there
