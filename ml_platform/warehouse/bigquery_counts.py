"""Rows of many BigQuery tables by few queries: of metadata where that has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_platform.errors import WarehouseError
from ml_platform.warehouse import bigquery_sql
from ml_platform.warehouse.bigquery_jobs import BigQueryJobs
from ml_platform.warehouse.interface import RowCount, TableRef, Warehouse
from ml_platform.warehouse.table_batches import batches

_Days = dict[TableRef, dict[str, int]]


def count_rows(
    warehouse: Warehouse,
    jobs: BigQueryJobs,
    tables: Mapping[TableRef, str],
    days: Sequence[str],
) -> dict[TableRef, RowCount]:
    """See `Warehouse.count_rows`; days are counted between the first and the last."""
    found = {table: one for table in tables if (one := _found(jobs, table)) is not None}
    columns = {table: _column(one, tables[table]) for table, one in found.items()}
    with_days = {table: column for table, column in columns.items() if column and days}
    own = [table for table, column in with_days.items() if column == _own_day(found[table])]
    counted: _Days = {table: {} for table in with_days}
    for schema in dict.fromkeys(table.schema for table in own):
        _add_from_metadata(warehouse, schema, counted, days)
    by_column = {table: column for table, column in with_days.items() if table not in own}
    _add_by_counting(warehouse, by_column, counted, days)
    return {
        table: RowCount(
            rows=int(one.num_rows or 0),
            by_day=counted.get(table, {}) if columns[table] else None,
        )
        for table, one in found.items()
    }


def _found(jobs: BigQueryJobs, table: TableRef) -> Any:
    try:
        return jobs.table(table)
    except WarehouseError:  # it is not there
        return None


def _column(found: Any, wanted: str) -> str:
    names = {field.name.lower(): str(field.name) for field in found.schema}
    return names.get(wanted.lower(), "")


def _own_day(found: Any) -> str | None:
    partitioning = found.time_partitioning
    if partitioning is None or partitioning.type_ != "DAY" or not partitioning.field:
        return None
    return str(partitioning.field)


def _add_from_metadata(
    warehouse: Warehouse, schema: str, counted: _Days, days: Sequence[str]
) -> None:
    first, last = (day.replace("-", "") for day in (min(days), max(days)))
    view = bigquery_sql.quoted(schema) + ".INFORMATION_SCHEMA.PARTITIONS"
    rows = warehouse.run(
        f"SELECT table_name, partition_id, total_rows FROM {view} "
        "WHERE partition_id BETWEEN $first AND $last AND total_rows > 0",
        {"first": first, "last": last},
    )
    for row in rows.to_pylist():
        table = TableRef(schema, row["table_name"])
        day = bigquery_sql.day_of_partition(row["partition_id"])
        if day and table in counted:
            counted[table][day] = row["total_rows"]


def _add_by_counting(
    warehouse: Warehouse, columns: Mapping[TableRef, str], counted: _Days, days: Sequence[str]
) -> None:
    for some in batches(list(columns.items())):
        parts = [
            f"SELECT {place} AS place, CAST({name} AS DATE) AS day, COUNT(*) AS total "
            f"FROM {bigquery_sql.table_name(table)} WHERE CAST({name} AS DATE) "
            f"BETWEEN DATE '{min(days)}' AND DATE '{max(days)}' GROUP BY 1, 2"
            for place, (table, column) in enumerate(some)
            for name in [bigquery_sql.quoted(column)]
        ]
        for row in warehouse.run(" UNION ALL ".join(parts)).to_pylist():
            counted[some[row["place"]][0]][row["day"].isoformat()] = row["total"]
