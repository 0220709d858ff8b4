"""Bytes that a query scans, counted as BigQuery's pricing page says, and the limit on them.

Logical sizes by type, only the columns that a statement names, only the partitions that it selects
by literals.
"""

# mypy: disable-error-code="import-not-found"

from typing import Any, Final

import sqlglot
from local_bigquery import errors
from local_bigquery.catalog import metadata, tables
from local_bigquery.engine import database
from local_bigquery.engine.database import quote
from local_bigquery.errors import BigQueryError
from local_bigquery.jobs import query, runner
from local_bigquery.models import Table
from sqlglot import exp

_BYTES: Final = {"BOOLEAN": 1, "INTERVAL": 16}
_TEXT: Final = ("VARCHAR", "JSON")
_MINIMUM_BILLED: Final = 10 * 2**20


def count_bytes() -> None:
    """Dry runs report no bytes, and `maximumBytesBilled` is not looked at."""
    errors.STATUSES["bytesBilledLimitExceeded"] = (500, "INTERNAL")
    original = query.execute

    def execute(
        cursor: Any,
        project: str,
        job: str | None,
        config: Any,
        dry_run: bool = False,
        session: Any = None,
    ) -> Any:
        try:
            statistics, *_ = original(cursor, project, None, config, True, None)
            scanned = _scanned_bytes(config.query, statistics.referencedTables or [])
        except BigQueryError:  # a statement that only makes sense where it runs: a session's table
            scanned = 0
        limit = int(config.maximumBytesBilled or 0)
        if not dry_run and 0 < limit < scanned:
            needed = max(scanned, _MINIMUM_BILLED)
            raise BigQueryError(
                "bytesBilledLimitExceeded",
                f"Query exceeded limit for bytes billed: {limit}. {needed} or higher required.",
            )
        statistics, *rest = original(cursor, project, job, config, dry_run, session)
        return statistics.replace(totalBytesProcessed=str(scanned)), *rest

    query.execute = execute
    finish = runner._done

    def done(job: Any, statistics: Any, error: Any = None) -> Any:
        finished = finish(job, statistics, error)
        scanned = finished.statistics.query and finished.statistics.query.totalBytesProcessed
        if not scanned:
            return finished
        return finished.replace(statistics=finished.statistics.replace(totalBytesProcessed=scanned))

    runner._done = done


def _scanned_bytes(sql: str, references: list[Any]) -> int:
    trees = [tree for tree in sqlglot.parse(sql, dialect="bigquery") if tree]
    named = {column.name.casefold() for tree in trees for column in tree.find_all(exp.Column)}
    everything = any(
        isinstance(star.parent, exp.Select) for tree in trees for star in tree.find_all(exp.Star)
    )
    total = 0
    for reference in references:
        ids = tables.reference(reference)
        stored = metadata.load(Table, *ids)
        partitioning = stored and stored.timePartitioning
        where = _pruning(trees, partitioning.field) if partitioning else "true"
        sizes = _column_bytes(ids, where)
        total += sum(size for name, size in sizes.items() if everything or name in named)
    return total


def _pruning(trees: list[Any], column: str) -> str:
    """The literal comparisons of the partition column, outside of OR and NOT."""
    kinds = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)
    found = []
    for comparison in (node for tree in trees for node in tree.find_all(*kinds)):
        left = comparison.this
        if not isinstance(left, exp.Column) or left.name.casefold() != column.casefold():
            continue
        alone = len(list(comparison.find_all(exp.Column))) == 1
        if alone and not comparison.find_ancestor(exp.Or, exp.Not):
            copy = comparison.copy()
            copy.this.set("table", None)
            found.append(copy.sql("duckdb"))
    return " AND ".join(found) or "true"


def _column_bytes(ids: tuple[str, str, str], where: str) -> dict[str, int]:
    with database.cursor() as cursor:
        name = tables.name(*ids)
        relation = cursor.sql(f"SELECT * FROM {name} LIMIT 0")
        columns = list(zip(relation.columns, map(str, relation.types), strict=True))
        sizes = ", ".join(f"coalesce(sum({_size(quote(c), kind)}), 0)" for c, kind in columns)
        row = cursor.sql(f"SELECT {sizes} FROM {name} WHERE {where}").fetchone()
    return {column.casefold(): int(size) for (column, _), size in zip(columns, row, strict=True)}


def _size(column: str, kind: str) -> str:
    value = f"2 + strlen(CAST({column} AS VARCHAR))" if kind in _TEXT else str(_BYTES.get(kind, 8))
    return f"CASE WHEN {column} IS NULL THEN 0 ELSE {value} END"
