"""DuckDB as the warehouse: one file on this machine, shared by the processes of one laptop.

A table's plain timestamps are UTC, so they leave here as Arrow timestamps that say so. A snapshot
is a transaction that this object keeps open; its token is made of the table's content, so that two
snapshots of the same rows have the same name.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.errors import WarehouseError
from ml_platform.storage import Folder
from ml_platform.warehouse import duckdb_counts, duckdb_sql
from ml_platform.warehouse.duckdb_connection import DuckDBConnections, explaining, transaction
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
from ml_platform.warehouse.streams import OpenStreams

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH_ROWS: Final = 65_536


class DuckDBWarehouse(Warehouse):
    """Tables in one DuckDB file. It is opened at the first use and held until `close`.

    Args:
        path: The file.
        connect_timeout_s: How long to wait while another process holds the file.
        sleep: Waits between two attempts.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        *,
        connect_timeout_s: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = DuckDBConnections(
            path, timeout_s=connect_timeout_s, sleep=sleep, clock=clock
        )
        self._pins: dict[Snapshot, duckdb.DuckDBPyConnection] = {}
        self._streams = OpenStreams()

    def describe(self, table: TableRef, *, partition_column: str | None = None) -> TableDescription:
        """See the interface. DuckDB keeps no times of change, so `changed_at` is None."""
        connection = self._connections.for_reading()
        columns = self._columns(connection, table)
        name = duckdb_sql.table_name(table)
        with explaining(f"describe {table}"):
            rows = _one(connection, f"SELECT count(*) FROM {name}")
            days: list[tuple[Any, ...]] = []
            if partition_column is not None:
                _require_columns(table, columns, [partition_column])
                day = f"CAST({duckdb_sql.quoted(partition_column)} AS DATE)"
                days = connection.execute(
                    f"SELECT {day} AS day, count(*) FROM {name} WHERE {day} IS NOT NULL "
                    "GROUP BY day ORDER BY day"
                ).fetchall()
        return TableDescription(
            table=table,
            columns=columns,
            partition_column=partition_column,
            partitions=tuple(
                PartitionInfo(key=day.isoformat(), rows=count, changed_at=None)
                for day, count in days
            ),
            rows=rows,
        )

    def names(self, schema: str) -> frozenset[str]:
        """See the interface."""
        with explaining(f"list {schema}"):
            found = self._connections.for_reading().execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_catalog = current_database() AND table_schema = ?",
                [schema],
            )
            return frozenset(name for (name,) in found.fetchall())

    def count_rows(
        self, tables: Mapping[TableRef, str], days: Sequence[str]
    ) -> dict[TableRef, RowCount]:
        """See the interface."""
        return duckdb_counts.count_rows(self._connections.for_reading(), tables, days)

    def estimate_scan_bytes(self, sql: str) -> int:
        """See the interface; an approximation.

        All rows of each table of the plan times the width of the columns it reads. What DuckDB
        would skip by its row groups' statistics is not taken off, and text counts 16 bytes a value.
        """
        import json

        connection = self._connections.for_reading()
        with explaining("plan the statement"):
            plan = json.loads(connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()[0][1])
            return sum(
                _size_bytes(connection, table, columns)
                for table, columns in duckdb_sql.scanned_tables(plan)
            )

    def run(self, sql: str, parameters: Mapping[str, Scalar] | None = None) -> "pa.Table":
        """See the interface. The file is opened for writing only if the statement needs it."""
        import duckdb
        import pyarrow as pa

        with explaining("run the statement"):
            kinds = {statement.type for statement in duckdb.extract_statements(sql)}
            reads = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
            writes = not kinds <= reads
        connection = self._for_writing() if writes else self._connections.for_reading()
        with explaining("run the statement"):
            result = connection.sql(sql, params=dict(parameters) if parameters else None)
            if result is None:  # a statement without rows, before DuckDB 2
                return pa.table({})
            table = result.to_arrow_table()
            return table.cast(_in_utc(table.schema))

    def pin(self, table: TableRef) -> Snapshot:
        """See the interface. The snapshot lasts until this object closes or writes.

        The token is the number of rows and a hash of all of them.
        """
        with ExitStack() as unless_pinned:
            cursor = self._connections.for_reading().cursor()
            unless_pinned.callback(cursor.close)
            with explaining(f"pin {table}"):
                cursor.execute("BEGIN TRANSACTION")
                rows, content = cursor.execute(
                    "SELECT count(*), coalesce(sum(hash(rows)::HUGEINT) % 18446744073709551616, 0) "
                    f"FROM {duckdb_sql.table_name(table)} AS rows"
                ).fetchall()[0]
            token = f"rows-{rows}-content-{int(content):016x}"
            known = [one for one in self._pins if (one.table, one.token) == (table, token)]
            if known:  # a backfill pins the same table once per day
                return known[0]
            snapshot = Snapshot(table=table, token=token, taken_at=datetime.now(UTC))
            self._pins[snapshot] = cursor
            unless_pinned.pop_all()
            return snapshot

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
        """See the interface; batches of at most 65,536 rows, made as they are asked for.

        After this object has written, read a snapshot by one stream at a time.
        """
        with self._connection_at(table, snapshot) as source:
            known = self._columns(source, table)
        _require_columns(table, known, [partition_column, *columns, *order_by])
        if not partitions:
            return iter(())
        sql = duckdb_sql.select_days(
            table,
            partition_column=partition_column,
            partitions=partitions,
            columns=columns,
            order_by=order_by,
        )
        what = f"read {table}"
        return self._streams.opened(self._batches(table, snapshot, sql, what=what), what=what)

    def load(
        self,
        table: TableRef,
        batches: "pa.RecordBatchReader",
        *,
        descriptions: Mapping[str, str] | None = None,
    ) -> int:
        """See the interface: one transaction, so that a reader sees the old table or the new."""
        connection = self._for_writing()
        name = duckdb_sql.table_name(table)
        with explaining(f"load {table}"), transaction(connection):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {duckdb_sql.quoted(table.schema)}")
            connection.register("incoming_batches", batches)
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming_batches")
            connection.unregister("incoming_batches")
            for statement in duckdb_sql.comments(table, descriptions or {}):
                connection.execute(statement)
            return _one(connection, f"SELECT count(*) FROM {name}")

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
        """See the interface; one file per day, named `<day>.parquet`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = Folder(uri)
        folder.filesystem.makedirs(folder.root, exist_ok=True)
        with self._connection_at(table, snapshot) as source:
            _require_columns(table, self._columns(source, table), [partition_column, *columns])
        written = []
        for day in partitions:
            sql = duckdb_sql.select_days(
                table, partition_column=partition_column, partitions=[day], columns=columns
            )
            with (
                explaining(f"export {table}"),
                self._connection_at(table, snapshot) as source,
            ):
                schema = _in_utc(source.sql(sql).limit(0).to_arrow_table().schema)
            name = f"{day}.parquet"
            with (
                folder.filesystem.open(folder.path(name), "wb") as file,
                pq.ParquetWriter(file, schema) as writer,
                closing(self._batches(table, snapshot, sql, what=f"export {table}")) as batches,
            ):
                for batch in batches:
                    writer.write_table(pa.Table.from_batches([batch]))
            written.append(f"{folder.uri}/{name}")
        return written

    def clone(self, source: TableRef, target: TableRef) -> None:
        """See the interface. DuckDB copies the rows, and their descriptions."""
        connection = self._for_writing()
        columns = self._columns(connection, source)
        names = [duckdb_sql.table_name(table) for table in (target, source)]
        with explaining(f"clone {source} as {target}"), transaction(connection):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {duckdb_sql.quoted(target.schema)}")
            connection.execute(f"CREATE OR REPLACE TABLE {names[0]} AS SELECT * FROM {names[1]}")
            said = {column.name: column.description for column in columns if column.description}
            for statement in duckdb_sql.comments(target, said):
                connection.execute(statement)

    def close(self) -> None:
        """Let go of all streams, of the snapshots and of the file."""
        self._streams.close()
        self._drop_pins()
        self._connections.close()

    def _for_writing(self) -> "duckdb.DuckDBPyConnection":
        if not self._connections.writable:
            # The file has to be opened anew, which ends the transactions behind the snapshots.
            self._streams.close()
            self._drop_pins()
        return self._connections.for_writing()

    def _drop_pins(self) -> None:
        for cursor in self._pins.values():
            cursor.close()
        self._pins.clear()

    @contextmanager
    def _connection_at(
        self, table: TableRef, snapshot: Snapshot | None
    ) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A connection on which one stream can run, seeing the table as of the snapshot."""
        if snapshot is not None and snapshot.table != table:
            raise WarehouseError(
                f"the snapshot is of {snapshot.table}, not of {table}",
                hint="pin the table that is to be read.",
            )
        if snapshot is not None and snapshot not in self._pins:
            raise WarehouseError(
                f"the snapshot of {table} has expired: on DuckDB it lasts as long as the warehouse "
                "object that pinned it, and until that writes",
                hint="pin and read with one open warehouse.",
            )
        if snapshot is not None and self._connections.writable:
            yield self._pins[snapshot]
            return
        # Nobody can change a file that is held for reading, so any cursor sees the snapshot.
        with closing(self._connections.for_reading().cursor()) as cursor:
            yield cursor

    def _batches(
        self, table: TableRef, snapshot: Snapshot | None, sql: str, *, what: str
    ) -> Generator["pa.RecordBatch"]:
        with (
            explaining(what),
            self._connection_at(table, snapshot) as source,
            # `execute` would hold the whole result in memory; a relation streams.
            closing(source.sql(sql).to_arrow_reader(BATCH_ROWS)) as reader,
        ):
            schema = _in_utc(reader.schema)
            for batch in reader:
                yield batch.cast(schema)

    def _columns(
        self, connection: "duckdb.DuckDBPyConnection", table: TableRef
    ) -> tuple[Column, ...]:
        with explaining(f"look at {table}"):
            said = dict(
                connection.execute(
                    "SELECT column_name, comment FROM duckdb_columns() "
                    "WHERE schema_name = $schema AND table_name = $name",
                    {"schema": table.schema, "name": table.name},
                ).fetchall()
            )
            if not said:
                raise WarehouseError(
                    f"there is no table {table} in the warehouse",
                    hint="materialize it first, or correct its name.",
                )
            empty = connection.sql(f"SELECT * FROM {duckdb_sql.table_name(table)} LIMIT 0")
            schema = _in_utc(empty.to_arrow_table().schema)
        return tuple(
            Column(name=field.name, type=str(field.type), description=said.get(field.name) or "")
            for field in schema
        )


def _in_utc(schema: "pa.Schema") -> "pa.Schema":
    """The schema with a zone on every timestamp: a plain one is UTC by convention."""
    import pyarrow as pa

    return pa.schema(
        [
            field.with_type(pa.timestamp(field.type.unit, tz="UTC"))
            if pa.types.is_timestamp(field.type)
            else field
            for field in schema
        ]
    )


def _size_bytes(connection: "duckdb.DuckDBPyConnection", table: str, columns: Sequence[str]) -> int:
    *_, schema, name = table.split(".")
    rows = _one(connection, f"SELECT count(*) FROM {duckdb_sql.table_name(TableRef(schema, name))}")
    types = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = $schema AND table_name = $name",
        {"schema": schema, "name": name},
    ).fetchall()
    return rows * sum(duckdb_sql.width_bytes(kind) for column, kind in types if column in columns)


def _require_columns(table: TableRef, columns: Sequence[Column], wanted: Sequence[str]) -> None:
    known = [column.name for column in columns]
    missing = [name for name in wanted if name not in known]
    if missing:
        raise WarehouseError(
            f"{table} has no column {missing[0]!r}", hint=f"its columns are {', '.join(known)}."
        )


def _one(connection: "duckdb.DuckDBPyConnection", sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])
