"""Days, windows and held-out days."""

from datetime import UTC, date, datetime

import pytest

from ml_platform.errors import PartitionError
from ml_platform.partitions import (
    daily_partitions,
    day_range,
    holdout_keys,
    last_complete_day,
    parse_day,
    require_days,
    window_keys,
)
from ml_platform.settings import Settings

DEMO = Settings()
OPEN_ENDED = Settings(environment="ci")
NOON = datetime(2013, 6, 2, 12, tzinfo=UTC)


def test_a_window_is_the_trailing_days_up_to_its_partition() -> None:
    keys = window_keys("2013-03-01", 28)
    assert (keys[0], keys[-1], len(keys)) == ("2013-02-02", "2013-03-01", 28)


def test_the_held_out_days_come_after_the_partition() -> None:
    assert holdout_keys("2013-02-28", 2) == ["2013-03-01", "2013-03-02"]


def test_the_demo_has_the_365_days_of_2013() -> None:
    keys = daily_partitions(DEMO).get_partition_keys()
    assert (keys[0], keys[-1], len(keys)) == ("2013-01-01", "2013-12-31", 365)


def test_outside_the_demo_partitions_go_on() -> None:
    assert daily_partitions(OPEN_ENDED).end is None
    assert daily_partitions(OPEN_ENDED).get_partition_keys()[-1] > "2026-01-01"


def test_the_last_complete_day_is_yesterday() -> None:
    assert last_complete_day(OPEN_ENDED, now=NOON) == date(2013, 6, 1)


@pytest.mark.parametrize("text", ["2013-3-1x", "1.3.2013", "", "2013-02-30"])
def test_what_is_no_day_is_refused_with_the_form_that_is_wanted(text: str) -> None:
    with pytest.raises(PartitionError, match="wanted a day such as 2013-03-01"):
        parse_day(text)


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(PartitionError, match="ends before it begins"):
        day_range(date(2013, 3, 2), date(2013, 3, 1))


def test_a_window_before_the_first_partition_says_how_much_later_to_begin() -> None:
    with pytest.raises(PartitionError, match="the first partition is 2013-01-01") as caught:
        require_days(window_keys("2013-01-10", 28), DEMO, what="training")
    assert "at least 18 days later" in caught.value.hint


def test_a_partition_in_the_future_says_how_much_earlier_to_begin() -> None:
    with pytest.raises(PartitionError, match="the last day with data is 2013-06-01") as caught:
        require_days(["2013-06-03"], OPEN_ENDED, what="training", now=NOON)
    assert "at least 2 days earlier" in caught.value.hint
