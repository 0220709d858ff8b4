"""From partition keys to dbt's flags."""

import pytest

from ml_platform.errors import PartitionError
from ml_platform.features.windows import window_arguments


def test_the_end_of_one_day_is_the_next_day() -> None:
    assert window_arguments(["2013-02-28"]) == [
        "--event-time-start",
        "2013-02-28",
        "--event-time-end",
        "2013-03-01",
    ]


def test_thirty_days_are_one_window() -> None:
    days = [f"2013-06-{day:02}" for day in range(1, 31)]
    assert window_arguments(days)[1::2] == ["2013-06-01", "2013-07-01"]


def test_the_order_of_the_days_does_not_matter() -> None:
    assert window_arguments(["2013-01-02", "2013-01-01"])[1::2] == ["2013-01-01", "2013-01-03"]


def test_a_gap_is_refused_and_named() -> None:
    with pytest.raises(PartitionError, match="2013-01-02 is not among"):
        window_arguments(["2013-01-01", "2013-01-03"])


def test_no_day_is_refused() -> None:
    with pytest.raises(PartitionError, match="no partition"):
        window_arguments([])


def test_a_key_that_is_no_day_is_refused() -> None:
    with pytest.raises(PartitionError, match="yesterday"):
        window_arguments(["yesterday"])
