"""What a warehouse can do for the platform, whatever its engine.

Nothing above this package names an engine: tables are `TableRef`s, rows are Arrow, times are UTC,
and what goes wrong is a `WarehouseError`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, Self

from ml_platform.warehouse.settings import WarehouseSettings

if TYPE_CHECKING:
    import pyarrow as pa

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table by schema (BigQuery: dataset) and name."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column; `type` is an Arrow type's name, so that both engines say the same."""

    name: str
    type: str
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionInfo:
    """One day of a table: how many rows, and when they last changed (UTC) where that is known."""

    key: str
    rows: int
    changed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TableDescription:
    """Columns in order, and the days that the table has, oldest first."""

    table: TableRef
    columns: tuple[Column, ...]
    partition_column: str | None
    partitions: tuple[PartitionInfo, ...]
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowCount:
    """Rows of a table, and of those days of it that were asked for and have any.

    `by_day` is None where the table does not know days.
    """

    rows: int
    by_day: Mapping[str, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A state of a table that can be read again as it was, as long as the engine keeps it.

    `token` is the engine's own name for the state: a time on BigQuery, a transaction on DuckDB.
    """

    table: TableRef
    token: str
    taken_at: datetime


class Warehouse(ABC):
    """An engine. Close it, or use it as a context manager; it may hold a lock while open."""

    @abstractmethod
    def describe(self, table: TableRef, *, partition_column: str | None = None) -> TableDescription:
        """Columns and partitions of a table.

        Raises:
            WarehouseError: there is no such table, or no such partition column.
        """

    @abstractmethod
    def names(self, schema: str) -> frozenset[str]:
        """Tables and views of a schema; none if there is no such schema. Scans nothing."""

    @abstractmethod
    def count_rows(
        self, tables: Mapping[TableRef, str], days: Sequence[str]
    ) -> dict[TableRef, RowCount]:
        """Rows of many tables, and of `days` by the column that each is given with.

        Asked by a statement for hundreds of tables, not by one for each. A table that is not there
        is left out; one without the column, or given with none, does not know days.
        """

    @abstractmethod
    def estimate_scan_bytes(self, sql: str) -> int:
        """Bytes that `sql` would scan; nothing is run.

        Raises:
            WarehouseError: the statement is not valid.
        """

    @abstractmethod
    def run(self, sql: str, parameters: Mapping[str, Scalar] | None = None) -> "pa.Table":
        """Run one statement and return its rows, all of them in memory.

        Parameters are written `$name` in `sql`, on both engines.

        Raises:
            WarehouseError: the engine refused; its own message is kept.
        """

    @abstractmethod
    def pin(self, table: TableRef) -> Snapshot:
        """Fix the table's present state, to be read by `read`."""

    @abstractmethod
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
        """Stream the rows of `partitions`, at `snapshot` if given, sorted if `order_by` is given.

        The stream ends with the warehouse: nothing that it holds outlives `close`.

        Raises:
            WarehouseError: a column or the table is not there, or the snapshot has expired; while
                it is read, the engine failed or the warehouse was closed before the last row.
        """

    @abstractmethod
    def load(
        self,
        table: TableRef,
        batches: "pa.RecordBatchReader",
        *,
        descriptions: Mapping[str, str] | None = None,
    ) -> int:
        """Replace `table` by the rows of `batches` in one step; returns how many rows."""

    @abstractmethod
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
        """Write the rows of `partitions` as Parquet under `uri`; returns the files' URIs."""

    @abstractmethod
    def clone(self, source: TableRef, target: TableRef) -> None:
        """Make `target` a copy of `source`: without moving data where the engine can."""

    @abstractmethod
    def close(self) -> None:
        """End all streams that were read from, and release connections and locks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class WarehouseAccess(WarehouseSettings, Protocol):
    """The warehouse as an asset is given it: the resource `warehouse`."""

    def open(self) -> Warehouse:
        """The engine, not yet connected where that costs something."""
