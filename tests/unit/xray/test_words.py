"""Spans and moments as a person says them."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from ml_platform.xray.words import clock_time, moment, moment_and_zone, money, span
from tests.support.xray import AT_S, DAY_S

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.0 s"),
        (0, "0.0 s"),
        (8.24, "8.2 s"),
        (10, "10 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (7500, "2 h 5 min"),
        (86_399, "1 d"),
        (3 * DAY_S + 4 * 3600 + 59, "3 d 4 h"),
        (40 * DAY_S, "40 d"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_moment_is_said_in_the_readers_zone_with_its_summer_time() -> None:
    assert moment(AT_S, UTC) == "2026-11-28 14:00"
    assert moment(AT_S, BERLIN) == "2026-11-28 15:00"
    assert moment_and_zone(AT_S - 150 * DAY_S, BERLIN) == "2026-07-01 16:00 CEST"
    assert clock_time(AT_S + 20, UTC) == "2026-11-28 14:00:20"


def test_without_a_zone_it_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert moment_and_zone(AT_S) == "2026-11-28 23:00 JST"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (None, "unknown"),
        (0.0, "0.00"),
        (0.004, "under 0.01"),
        (0.006, "0.01"),
        (1234.5, "1,234.50"),
    ],
)
def test_money_that_is_not_known_is_never_nothing(amount: float | None, said: str) -> None:
    assert money(amount) == said
