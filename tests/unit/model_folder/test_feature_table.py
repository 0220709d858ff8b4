"""What a new model reads, and the day that it is to begin with."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ml_platform.errors import WarehouseError
from ml_platform.model_folder.feature_table import described_table, first_day
from ml_platform.settings import Settings

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def day(*built: str, end: date | None = None, start: date = date(2026, 1, 1)) -> str | None:
    settings = Settings(partitions_start=start, partitions_end=end)
    return first_day(settings, window_days=7, holdout_days=2, built=built, now=NOW)


def test_it_is_the_newest_that_can_be_evaluated() -> None:
    assert day() == "2026-02-27"


def test_it_is_one_of_the_partitions_that_there_are() -> None:
    assert day(end=date(2026, 2, 10)) == "2026-02-08"


def test_it_is_one_whose_features_are_built() -> None:
    assert day("2026-01-19", "2026-01-20") == "2026-01-18"


def test_it_is_the_first_that_can_be_while_less_is_built() -> None:
    assert day("2026-01-01", "2026-01-05") == "2026-01-07"


def test_there_is_none_while_no_window_is_whole() -> None:
    assert day(start=date(2026, 2, 25)) is None


def test_a_table_that_is_not_there_is_an_error_that_says_what_builds_it(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError) as raised:
        described_table(Settings(home=tmp_path), "orders_daily")
    assert "materialize the raw tables" not in raised.value.hint
    assert "`make dev` opens the Dagster UI, where orders_daily" in raised.value.hint
