"""The daily partition, and the trailing window of days that a model trains on.

One definition serves every asset, so a key means the same day everywhere: `YYYY-MM-DD`, UTC.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

import dagster as dg

from ml_platform.errors import PartitionError

DAY: Final = timedelta(days=1)


class PartitionBounds(Protocol):
    """The days of this code location; the settings say them."""

    @property
    def partitions_start(self) -> date:
        """The first day of all partitions."""

    @property
    def partitions_end(self) -> date | None:
        """The last day of all partitions, or None where they go on."""


def daily_partitions(bounds: PartitionBounds) -> dg.DailyPartitionsDefinition:
    """The one partitions definition of this code location."""
    end = bounds.partitions_end
    return dg.DailyPartitionsDefinition(
        start_date=bounds.partitions_start.isoformat(),
        end_date=(end + DAY).isoformat() if end else None,  # Dagster's end is exclusive
        timezone="UTC",
    )


def parse_day(text: str) -> date:
    """A partition key as a date.

    Raises:
        PartitionError: `text` is not `YYYY-MM-DD`.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # Other spellings of a day, such as 20130301, would be other keys.
    if day is None or day.isoformat() != text:
        raise PartitionError(
            f"{text!r} is no partition: wanted a day such as 2013-03-01",
            hint="write the day as YYYY-MM-DD (UTC).",
        )
    return day


def day_range(first: date, last: date) -> list[str]:
    """Partition keys from `first` to `last`, both included.

    Raises:
        PartitionError: `last` is before `first`.
    """
    if last < first:
        raise PartitionError(
            f"the range {first} … {last} ends before it begins",
            hint="give the earlier day first.",
        )
    return [(first + n * DAY).isoformat() for n in range((last - first).days + 1)]


def window_keys(partition: str, days: int) -> list[str]:
    """The trailing window: `days` partitions up to and including `partition`, oldest first.

    `window_keys("2013-03-01", 28)` is Feb 2 … Mar 1.
    """
    last = parse_day(partition)
    return day_range(last - (days - 1) * DAY, last)


def holdout_keys(partition: str, days: int) -> list[str]:
    """The `days` partitions after `partition`, on which its model is evaluated, oldest first."""
    first = parse_day(partition) + DAY
    return day_range(first, first + (days - 1) * DAY)


def days_of(count: int) -> str:
    """`1 day`, `3 days`."""
    return "1 day" if count == 1 else f"{count} days"


def days_in_words(days: Sequence[str]) -> str:
    """One day, or the first and the last of several."""
    if len(days) < 2:
        return "".join(days)
    return f"{days[0]} … {days[-1]}"


def last_complete_day(bounds: PartitionBounds, *, now: datetime) -> date:
    """The newest day whose partition may exist: yesterday, or the configured end if earlier."""
    yesterday = (now.astimezone(UTC) - DAY).date()
    end = bounds.partitions_end
    return min(yesterday, end) if end else yesterday


def require_days(
    keys: Sequence[str], bounds: PartitionBounds, *, what: str, now: datetime | None = None
) -> None:
    """Check that every one of `keys` is a day whose data can exist.

    Args:
        keys: Partition keys, oldest first.
        bounds: The first and the last day.
        what: What the days are for, as the subject of the error's sentence.
        now: The present, for tests.

    Raises:
        PartitionError: a day lies before the first partition or in the future.
    """
    first, last = parse_day(keys[0]), parse_day(keys[-1])
    newest = last_complete_day(bounds, now=now or datetime.now(UTC))
    if first < bounds.partitions_start:
        missing = (bounds.partitions_start - first).days
        raise PartitionError(
            f"{what} needs {keys[0]} … {keys[-1]}, but the first partition is "
            f"{bounds.partitions_start}",
            hint=f"take a partition at least {days_of(missing)} later, or a shorter window.",
        )
    if last > newest:
        raise PartitionError(
            f"{what} needs {keys[-1]}, but the last day with data is {newest}",
            hint=f"take a partition at least {days_of((last - newest).days)} earlier.",
        )
