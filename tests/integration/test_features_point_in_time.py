"""No feature of a flight knows anything from after its scheduled departure."""

from pathlib import Path

import pytest

from ml_platform.settings import Settings
from ml_platform.warehouse.open import open_warehouse
from tests.support.dbt_runs import (
    build_days,
    change_file,
    changed_project,
    copy_of_home,
    dbt,
    settings_of,
)
from tests.support.raw_time_travel import (
    Rows,
    columns_that_differ,
    features_of_the_hour,
    forget_after,
)

pytestmark = pytest.mark.integration

DAY, NEXT_DAY, MOMENT = "2013-03-08", "2013-03-09", "2013-03-08 20:00:00"
TRAILING = "dbt_packages/dbt_features/macros/trailing.sql"
SAME_DAY_OUTCOMES = {"on {{ day }} < spine.as_of_day": "on {{ day }} <= spine.as_of_day"}
CLAIMED_TO_BE_OLD = {
    "max(last_arrived_at) as latest_outcome_at": (
        "cast(as_of_day as timestamp) as latest_outcome_at"
    )
}


def test_features_are_the_same_when_the_future_is_forgotten(
    platform_home: Path, tmp_path: Path
) -> None:
    settings = settings_of(copy_of_home(platform_home, tmp_path / "home"))
    now, then = _with_and_without_the_future(settings)
    assert len(now) > 40
    assert columns_that_differ(now, then) == set()


def test_a_history_with_outcomes_of_the_same_day_is_caught_by_both_checks(
    platform_home: Path, tmp_path: Path
) -> None:
    project = changed_project(tmp_path / "dbt", TRAILING, SAME_DAY_OUTCOMES)
    settings = settings_of(copy_of_home(platform_home, tmp_path / "home"), project_dir=project)
    now, then = _with_and_without_the_future(settings)
    tested = dbt(settings, "test", "--select", "features")
    assert "Failure in test carrier_delay_history_ends_before_its_day" in tested.output
    assert "Failure in test flight_features_know_nothing_from_the_future" in tested.output
    assert {"carrier_late_rate_7d", "origin_late_rate_7d"} <= columns_that_differ(now, then)


def test_a_leak_that_lies_about_its_time_is_caught_by_the_time_travel(
    platform_home: Path, tmp_path: Path
) -> None:
    project = changed_project(tmp_path / "dbt", TRAILING, SAME_DAY_OUTCOMES)
    change_file(project / "macros" / "delay_history.sql", CLAIMED_TO_BE_OLD)
    settings = settings_of(copy_of_home(platform_home, tmp_path / "home"), project_dir=project)
    now, then = _with_and_without_the_future(settings)
    tested = dbt(settings, "test", "--select", "features")
    assert tested.code == 0, tested.output
    assert {"carrier_late_rate_7d", "origin_late_rate_7d"} <= columns_that_differ(now, then)


def _with_and_without_the_future(settings: Settings) -> tuple[Rows, Rows]:
    """The features of an hour's flights from all raw facts, and from those known at the hour."""
    built = build_days(settings, DAY, NEXT_DAY, command="run")
    assert built.code == 0, built.output
    with open_warehouse(settings) as warehouse:
        now = features_of_the_hour(warehouse, MOMENT)
        forget_after(warehouse, MOMENT)
    built = build_days(settings, DAY, NEXT_DAY, command="run")
    assert built.code == 0, built.output
    with open_warehouse(settings) as warehouse:
        return now, features_of_the_hour(warehouse, MOMENT)
