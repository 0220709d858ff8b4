"""BigQuery as the warehouse.

Statements, loads and metadata go over REST; rows come as Arrow through the Storage Read API. A
snapshot is a time: BigQuery keeps every table's past for some days (time travel).
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ml_platform.errors import WarehouseError
from ml_platform.warehouse import (
    bigquery_clients,
    bigquery_counts,
    bigquery_sql,
    bigquery_streams,
)
from ml_platform.warehouse.bigquery_jobs import BigQueryJobs, table_path
from ml_platform.warehouse.bigquery_types import arrow_type_name
from ml_platform.warehouse.interface import (
    Column,
    PartitionInfo,
    RowCount,
    Scalar,
    Snapshot,
    TableDescription,
    TableRef,
    Warehouse,
)
from ml_platform.warehouse.settings import BigQuerySettings
from ml_platform.warehouse.streams import OpenStreams

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud import bigquery
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient

# These have no past of their own, and the Storage Read API does not read them.
_WITHOUT_ROWS: Final = ("VIEW", "MATERIALIZED_VIEW", "EXTERNAL")


class BigQueryWarehouse(Warehouse):
    """Tables in BigQuery: a `TableRef`'s schema is a dataset of the configured project.

    Args:
        settings: Project, location, limits and addresses.
        client: A client for REST instead of one made from the settings.
        storage: A Storage Read client instead of one made from the settings.
        max_streams: How many streams one `read` opens at most.
        retry_s: How long one call is retried while the service is unavailable.
        sleep: Waits before a broken stream is taken up again; by default until it is closed.

    Raises:
        SettingsError: the project is not set, or the extra `bigquery` is not installed.
        WarehouseError: there are no credentials.
    """

    def __init__(
        self,
        settings: BigQuerySettings,
        *,
        client: "bigquery.Client | None" = None,
        storage: "BigQueryReadClient | None" = None,
        max_streams: int = 8,
        retry_s: float = 120.0,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._settings = settings
        self._own_client = None if client else bigquery_clients.rest_client(settings)
        self._given_storage = storage
        self._jobs = BigQueryJobs(client or self._own_client, settings, retry_s=retry_s)
        self._max_streams = max_streams
        self._sleep = sleep
        self._streams = OpenStreams()

    def describe(self, table: TableRef, *, partition_column: str | None = None) -> TableDescription:
        """See the interface. Without `partition_column`, the table's own daily one is taken.

        Rows and times of the table's own partitions are metadata; by another column they are
        counted, which scans that column.
        """
        found = self._jobs.table(table)
        own = _daily_partition_column(found)
        column = partition_column or own
        if column is None:
            partitions: tuple[PartitionInfo, ...] = ()
        elif column == own:
            partitions = self._partitions_from_metadata(table)
        else:
            _require_columns(table, found, [column])
            partitions = self._partitions_by_counting(table, column)
        return TableDescription(
            table=table,
            columns=tuple(
                Column(
                    name=field.name,
                    type=arrow_type_name(field.field_type, repeated=field.mode == "REPEATED"),
                    description=field.description or "",
                )
                for field in found.schema
            ),
            partition_column=column,
            partitions=partitions,
            rows=self._count(table) if found.table_type in _WITHOUT_ROWS else found.num_rows,
        )

    def names(self, schema: str) -> frozenset[str]:
        """See the interface; a list of metadata, which costs nothing."""
        return self._jobs.names(schema)

    def count_rows(
        self, tables: Mapping[TableRef, str], days: Sequence[str]
    ) -> dict[TableRef, RowCount]:
        """See the interface; a query of metadata for each dataset, which has the days' rows.

        A table that has days by another column than that of its partitions is counted by itself.
        """
        return bigquery_counts.count_rows(self, self._jobs, tables, days)

    def estimate_scan_bytes(self, sql: str) -> int:
        """See the interface; a dry run, which costs nothing."""
        return self._jobs.estimate_bytes(sql)

    def run(self, sql: str, parameters: Mapping[str, Scalar] | None = None) -> "pa.Table":
        """See the interface. Never scans more than the configured maximum of bytes."""
        import pyarrow as pa

        result = self._jobs.run("run the statement", sql, parameters)
        if result is None:
            return pa.table({})
        with self._jobs.explaining("fetch the rows"):
            request = bigquery_streams.ReadRequest(table=result, max_streams=1)
            session = bigquery_streams.open_session(self._storage, request)
            schema = bigquery_streams.session_schema(session)
            with closing(
                bigquery_streams.read_session(self._storage, session, sleep=self._sleep)
            ) as batches:
                return pa.Table.from_batches(batches, schema)

    def pin(self, table: TableRef) -> Snapshot:
        """See the interface. The time is the server's, so that no clock here can be wrong.

        Raises:
            WarehouseError: there is no such table, or it is a view.
        """
        _require_own_rows(table, self._jobs.table(table))
        now = self.run("SELECT CURRENT_TIMESTAMP() AS now")["now"][0].as_py()
        return Snapshot(table=table, token=now.isoformat(), taken_at=now)

    def read(
        self,
        table: TableRef,
        *,
        partition_column: str,
        partitions: Sequence[str],
        columns: Sequence[str],
        order_by: Sequence[str] = (),
        snapshot: Snapshot | None = None,
    ) -> Iterator["pa.RecordBatch"]:
        """See the interface. Sorted rows come from a query, others straight from storage."""
        found = self._jobs.table(table)
        _require_columns(table, found, [partition_column, *columns, *order_by])
        at = _snapshot_time(table, snapshot)
        kind = _type_of(found, partition_column)
        if not partitions:
            return iter(())
        if order_by or found.table_type in _WITHOUT_ROWS:
            select = bigquery_sql.select_days(
                table,
                partition_column=partition_column,
                partitions=partitions,
                columns=columns,
                order_by=order_by,
                at=at,
                kind=kind,
            )
            # The result is read in one stream, which keeps its order.
            result = self._jobs.run(f"read {table}", select)
            request = bigquery_streams.ReadRequest(table=str(result), max_streams=1)
        else:
            request = bigquery_streams.ReadRequest(
                table=table_path(found.reference),
                max_streams=self._max_streams,
                columns=tuple(columns),
                restriction=bigquery_sql.days_restriction(partition_column, partitions, kind=kind),
                at=at,
            )
        return self._streams.opened(self._batches(table, request), what=f"read {table}")

    def load(
        self,
        table: TableRef,
        batches: "pa.RecordBatchReader",
        *,
        descriptions: Mapping[str, str] | None = None,
    ) -> int:
        """See the interface: one load job, which replaces the table whole or not at all."""
        self._jobs.make_dataset(table.schema)
        return self._jobs.load(table, batches, descriptions or {})

    def export(
        self,
        table: TableRef,
        *,
        partition_column: str,
        partitions: Sequence[str],
        columns: Sequence[str],
        uri: str,
        snapshot: Snapshot | None = None,
    ) -> list[str]:
        """See the interface: EXPORT DATA into a folder of a bucket.

        Raises:
            WarehouseError: `uri` is not `gs://…`, or what the interface says.
        """
        if not uri.startswith("gs://"):
            raise WarehouseError(
                f"BigQuery cannot export to {uri}: it writes to Google Cloud Storage only",
                hint="set MLP_STORAGE_URI to gs://bucket/folder.",
            )
        found = self._jobs.table(table)
        _require_columns(table, found, [partition_column, *columns])
        if not partitions:
            return []
        select = bigquery_sql.select_days(
            table,
            partition_column=partition_column,
            partitions=partitions,
            columns=columns,
            at=_snapshot_time(table, snapshot),
            kind=_type_of(found, partition_column),
        )
        return self._jobs.export(table, select, uri)

    def clone(self, source: TableRef, target: TableRef) -> None:
        """See the interface: a table clone, which stores only what is changed later."""
        _require_own_rows(source, self._jobs.table(source))
        self._jobs.make_dataset(target.schema)
        names = [bigquery_sql.table_name(table) for table in (target, source)]
        self._jobs.run(
            f"clone {source} as {target}", f"CREATE OR REPLACE TABLE {names[0]} CLONE {names[1]}"
        )

    def close(self) -> None:
        """End the streams and close the clients made here; given clients are their giver's."""
        self._streams.close()
        if self._own_client is not None:
            self._own_client.close()
        if self._given_storage is None and "_storage" in self.__dict__:
            self._storage.transport.close()

    @cached_property
    def _storage(self) -> "BigQueryReadClient":
        return self._given_storage or bigquery_clients.storage_client(self._settings)

    def _partitions_from_metadata(self, table: TableRef) -> tuple[PartitionInfo, ...]:
        view = bigquery_sql.quoted(table.schema) + ".INFORMATION_SCHEMA.PARTITIONS"
        rows = self.run(
            f"SELECT partition_id, total_rows, last_modified_time FROM {view} "
            "WHERE table_name = $table AND total_rows > 0 ORDER BY partition_id",
            {"table": table.name},
        ).to_pylist()
        return tuple(
            PartitionInfo(key=day, rows=row["total_rows"], changed_at=row["last_modified_time"])
            for row in rows
            if (day := bigquery_sql.day_of_partition(row["partition_id"]))
        )

    def _partitions_by_counting(self, table: TableRef, column: str) -> tuple[PartitionInfo, ...]:
        name = bigquery_sql.quoted(column)
        rows = self.run(
            f"SELECT CAST({name} AS DATE) AS partition_day, COUNT(*) AS total_rows "
            f"FROM {bigquery_sql.table_name(table)} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).to_pylist()
        return tuple(
            PartitionInfo(
                key=row["partition_day"].isoformat(), rows=row["total_rows"], changed_at=None
            )
            for row in rows
        )

    def _count(self, table: TableRef) -> int:
        rows = self.run(f"SELECT COUNT(*) AS n FROM {bigquery_sql.table_name(table)}")
        return int(rows["n"][0].as_py())

    def _batches(
        self, table: TableRef, request: bigquery_streams.ReadRequest
    ) -> Generator["pa.RecordBatch"]:
        with self._jobs.explaining(f"read {table}"):
            session = bigquery_streams.open_session(self._storage, request)
            yield from bigquery_streams.read_session(
                self._storage, session, columns=request.columns, sleep=self._sleep
            )


def _daily_partition_column(found: Any) -> str | None:
    partitioning = found.time_partitioning
    if partitioning is None or partitioning.type_ != "DAY":
        return None
    return str(partitioning.field) if partitioning.field else None


def _type_of(found: Any, column: str) -> str:
    return str(next(field.field_type for field in found.schema if field.name == column))


def _require_columns(table: TableRef, found: Any, wanted: Sequence[str]) -> None:
    known = [field.name for field in found.schema]
    missing = [name for name in wanted if name not in known]
    if missing:
        raise WarehouseError(
            f"{table} has no column {missing[0]!r}", hint=f"its columns are {', '.join(known)}."
        )


def _require_own_rows(table: TableRef, found: Any) -> None:
    if found.table_type in _WITHOUT_ROWS:
        kind = found.table_type.lower().replace("_", " ")
        raise WarehouseError(
            f"{table} is a {kind}, which has no rows and no past of its own",
            hint="materialise it: in dbt, materialized='table' or 'incremental'.",
        )


def _snapshot_time(table: TableRef, snapshot: Snapshot | None) -> datetime | None:
    if snapshot is None:
        return None
    if snapshot.table != table:
        raise WarehouseError(
            f"the snapshot is of {snapshot.table}, not of {table}",
            hint="pin the table that is to be read.",
        )
    return datetime.fromisoformat(snapshot.token)
