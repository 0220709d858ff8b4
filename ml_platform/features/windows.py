"""From partition keys to dbt's arguments. Pure functions."""

from collections.abc import Sequence

from ml_platform.errors import PartitionError
from ml_platform.partitions import DAY, day_range, parse_day


def window_arguments(partitions: Sequence[str]) -> list[str]:
    """The flags for dbt that mean these days, given in any order; dbt's end is exclusive.

    These two flags are no part of the hash of dbt's saved parse, as `--vars` would be: other days
    cost no new parse of the project.

    Raises:
        PartitionError: there is no day, or one is missing between the first and the last.
    """
    if not partitions:
        raise PartitionError("no partition was asked for", hint="choose at least one day.")
    days = sorted(parse_day(key) for key in partitions)
    wanted = day_range(days[0], days[-1])
    missing = sorted(set(wanted) - set(partitions))
    if missing:
        raise PartitionError(
            f"one dbt run builds days without a gap, but {missing[0]} is not among "
            f"{days[0]} … {days[-1]}",
            hint="start one run for the days before the gap and one for those after it.",
        )
    end = days[-1] + DAY
    return ["--event-time-start", days[0].isoformat(), "--event-time-end", end.isoformat()]
