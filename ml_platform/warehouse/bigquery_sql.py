"""The text that BigQuery wants to see: quoted names, parameters, the days of a table. All pure.

Statements of the platform write parameters as `$name`; BigQuery writes them `@name`.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from ml_platform.errors import WarehouseError
from ml_platform.warehouse.interface import TableRef
from ml_platform.warehouse.settings import BigQuerySettings

DAY: Final = timedelta(days=1)
# What follows a day in a literal of the type, to make it its first moment, UTC.
_MIDNIGHTS: Final = {"DATETIME": " 00:00:00", "TIMESTAMP": " 00:00:00+00"}
_NAME: Final = re.compile(r"[\w-]+")
# A quoted text, a quoted name or a comment is passed over whole, so that a `$` in one stays.
_PARAMETER: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `[^`]*`
      | --[^\n]* | /\*.*?\*/ | \$(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


def quoted(*parts: str) -> str:
    """A name in backticks; several parts are joined by dots.

    Raises:
        WarehouseError: a part is no name.
    """
    for part in parts:
        if not _NAME.fullmatch(part):
            raise WarehouseError(
                f"{part!r} is no name of a table or column",
                hint="use letters, digits, underscores and dashes.",
            )
    return "`" + ".".join(parts) + "`"


def table_name(table: TableRef) -> str:
    """The table as a statement names it; the project is the client's."""
    return quoted(table.schema, table.name)


def with_at_parameters(sql: str) -> tuple[str, frozenset[str]]:
    """`sql` with each `$name` as `@name`, and the names met."""
    names: set[str] = set()

    def replace(match: re.Match[str]) -> str:
        if not match["name"]:
            return match[0]
        names.add(match["name"])
        return f"@{match['name']}"

    return _PARAMETER.sub(replace, sql), frozenset(names)


def days_restriction(column: str, partitions: Sequence[str], *, kind: str = "DATE") -> str:
    """A predicate that prunes to `partitions`, with literals of the column's own type.

    Args:
        column: The partition column.
        partitions: The days, UTC.
        kind: BigQuery's type of the column.

    Raises:
        WarehouseError: a key is no day, or the column's type has no days.
    """
    days = sorted({_day(key) for key in partitions})
    name = quoted(column)
    if kind == "DATE":
        if len(days) == 1 + (days[-1] - days[0]).days:
            return f"{name} >= DATE '{days[0]}' AND {name} <= DATE '{days[-1]}'"
        listed = ", ".join(f"DATE '{day}'" for day in days)
        return f"{name} IN ({listed})"
    if kind not in _MIDNIGHTS:
        raise WarehouseError(
            f"{column!r} is {kind}, which says no day: it cannot be the partition column",
            hint="cast it to DATE in the table, or name another column.",
        )
    # A cast of the column would keep BigQuery from pruning its partitions.
    spans = [
        f"{name} >= {_midnight(first, kind)} AND {name} < {_midnight(last + DAY, kind)}"
        for first, last in _spans(days)
    ]
    return " OR ".join(spans)


def select_days(
    table: TableRef,
    *,
    partition_column: str,
    partitions: Sequence[str],
    columns: Sequence[str],
    order_by: Sequence[str] = (),
    at: datetime | None = None,
    kind: str = "DATE",
) -> str:
    """The rows of `partitions`, as they were `at` that time if it is given.

    `kind` is BigQuery's type of the partition column.
    """
    lines = [
        f"SELECT {', '.join(quoted(column) for column in columns)}",
        f"FROM {table_name(table)}",
        f"WHERE {days_restriction(partition_column, partitions, kind=kind)}",
    ]
    if at is not None:
        lines[1] += f" FOR SYSTEM_TIME AS OF TIMESTAMP '{at.isoformat(sep=' ')}'"
    if order_by:
        lines.append(f"ORDER BY {', '.join(quoted(column) for column in order_by)}")
    return "\n".join(lines)


def export_pattern(uri: str) -> str:
    """Where EXPORT DATA writes: `uri` is a folder, the star becomes the file's number."""
    return f"{uri.rstrip('/')}/part-*.parquet"


def export_statement(select: str, pattern: str) -> str:
    """Write the rows of `select` as Parquet."""
    options = f"uri = '{pattern}', format = 'PARQUET', compression = 'ZSTD', overwrite = true"
    return f"EXPORT DATA OPTIONS ({options}) AS\n{select}"


def exported_files(pattern: str, count: int) -> list[str]:
    """The URIs of `count` exported files: BigQuery numbers them from 0 with twelve digits."""
    return [pattern.replace("*", f"{number:012d}") for number in range(count)]


def day_of_partition(partition_id: str) -> str | None:
    """`20130301` as `2013-03-01`; None for the partitions of null and unplaced rows."""
    if len(partition_id) != len("20130301") or not partition_id.isdigit():
        return None
    return f"{partition_id[:4]}-{partition_id[4:6]}-{partition_id[6:]}"


def job_labels(settings: BigQuerySettings) -> dict[str, str]:
    """Labels of every job, so that the bill can be split by environment and sandbox."""
    labels = {"application": "ml_platform", "environment": settings.environment}
    return labels | ({"sandbox": settings.sandbox} if settings.sandbox else {})


def _day(key: str) -> date:
    try:
        return date.fromisoformat(key)
    except ValueError as error:
        raise WarehouseError(f"{key!r} is no day", hint="name partitions as YYYY-MM-DD.") from error


def _midnight(day: date, kind: str) -> str:
    return f"{kind} '{day}{_MIDNIGHTS[kind]}'"


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """First and last of each run of neighbouring days."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == DAY:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
