"""The Parquet files of a snapshot: reading them whole, in part or by chance, and what they lack."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ml_platform.storage import Folder
from ml_platform.training_set.manifest import ColumnSchema, DataFile
from ml_platform.training_set.spec import FeaturesSpec

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

READ_PER_DRAWN: Final = 16
"""Rows that are read at most for each one that is drawn: a window of any size costs the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotFiles:
    """The files of one snapshot, or of one that is being written.

    Attributes:
        place: The partition's folder.
        files: In order.
        columns: Of each file.
    """

    place: Folder
    files: Sequence[DataFile]
    columns: Sequence[ColumnSchema]

    def read(self, columns: Sequence[str] | None = None) -> "pa.Table":
        """All rows, in memory."""
        import pyarrow.parquet as pq

        tables = []
        for file in self.files:
            with self.place.open(file.path) as stream:
                tables.append(pq.read_table(stream, columns=list(columns) if columns else None))
        return self._one(tables, columns)

    def row_groups(self, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """All rows, a row group at a time."""
        for file in self.files:
            for index in range(len(file.row_groups)):
                yield self._row_group(file, index, columns)

    def sample(self, columns: Sequence[str], *, rows: int) -> "pa.Table":
        """Row groups from all over the snapshot, until they have `rows`."""
        groups = self._groups()
        step = max(1, sum(file.rows for file in self.files) // rows)
        return self._one([self._row_group(*one, columns) for one in groups[::step]], columns)

    def draw(
        self, columns: Sequence[str], *, rows: int, random: "np.random.Generator"
    ) -> "pa.Table":
        """`rows` rows by chance, in their order; reads one row group at a time."""
        groups = self._groups()
        order = random.permutation(len(groups))
        chosen: list[int] = []
        held = 0
        for position in order:
            if held >= READ_PER_DRAWN * rows:
                break
            chosen.append(int(position))
            file, index = groups[position]
            held += file.row_groups[index]
        picked = random.choice(held, size=min(rows, held), replace=False)
        tables, first = [], 0
        for position in sorted(chosen):
            file, index = groups[position]
            last = first + file.row_groups[index]
            inside: Any = sorted(picked[(picked >= first) & (picked < last)] - first)
            if inside:
                tables.append(self._row_group(file, index, columns).take(inside))
            first = last
        return self._one(tables, columns)

    def damage(self) -> str:
        """What the files lack of what is said of them; empty if they are whole.

        Sizes, and what each file's own end says of its rows and columns: that costs the same for
        files of any size.
        """
        found = ((file.path, self._damage(file)) for file in self.files)
        return next((f"{path} {damage}" for path, damage in found if damage), "")

    def _damage(self, file: DataFile) -> str:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            size = self.place.size(file.path)
            if size != file.bytes:
                return f"has {size:,} bytes, expected {file.bytes:,}"
            with self.place.open(file.path) as stream:
                footer = pq.ParquetFile(stream).metadata
        except FileNotFoundError:
            return "is not there"
        except (OSError, pa.ArrowException) as error:
            return f"is no Parquet file that can be read: {error}"
        groups = tuple(footer.row_group(index).num_rows for index in range(footer.num_row_groups))
        if groups != file.row_groups:
            return f"has {sum(groups):,} rows, expected {file.rows:,}"
        found, wanted = (
            footer.schema.to_arrow_schema().names,
            [column.name for column in self.columns],
        )
        return "" if found == wanted else f"has the columns {found}, expected {wanted}"

    def _groups(self) -> list[tuple[DataFile, int]]:
        return [(file, index) for file in self.files for index in range(len(file.row_groups))]

    def _row_group(self, file: DataFile, index: int, columns: Sequence[str]) -> "pa.Table":
        import pyarrow.parquet as pq

        with self.place.open(file.path) as stream:
            return pq.ParquetFile(stream).read_row_group(index, columns=list(columns))

    def _one(self, tables: "Sequence[pa.Table]", wanted: Sequence[str] | None) -> "pa.Table":
        """The rows as one table; a day without rows has no file, but it has columns."""
        import pyarrow as pa

        if tables:
            return pa.concat_tables(tables)
        types = {column.name: column.type for column in self.columns}
        return pa.table({name: pa.array([], types[name]) for name in wanted or types})


def columns_without_rows(spec: FeaturesSpec) -> tuple[ColumnSchema, ...]:
    """What is known of the columns of a day that has no rows; the keys have any type."""
    types = (
        dict.fromkeys(spec.keys, "null")
        | dict.fromkeys((spec.event_time, spec.known_at), "timestamp[us]")
        | dict.fromkeys(spec.categories, "string")
        | dict.fromkeys(spec.numbers, "float")
        | {spec.label: "int8"}
    )
    return tuple(ColumnSchema(name=name, type=types[name]) for name in spec.columns)
