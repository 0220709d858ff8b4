"""Writes the rows of a snapshot as a stream, in bounded memory."""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ml_platform.storage import Folder
from ml_platform.training_set.manifest import ColumnSchema, DataFile
from ml_platform.training_set.normalise import normalised
from ml_platform.training_set.profile import Profile, profile_batch
from ml_platform.training_set.spec import FeaturesSpec

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_ROWS: Final = 131_072
FILE_ROWS: Final = 8 * ROW_GROUP_ROWS
HASH_ROWS: Final = 65_536


class SnapshotWriter:
    """Streams batches into Parquet files, and hashes, counts and profiles them on the way.

    Args:
        place: The partition's folder.
        prefix: Where in it the files go.
        spec: Which columns are label, numbers and categories.
    """

    def __init__(self, place: Folder, prefix: str, spec: FeaturesSpec) -> None:
        self._place = place
        self._prefix = prefix
        self._spec = spec
        self._hash = hashlib.sha256()
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self.columns: tuple[ColumnSchema, ...] | None = None
        self.files: list[DataFile] = []
        self.rows = 0
        self.rows_without_label = 0
        self.positives = 0
        self.late_knowledge_rows = 0
        self.profile = Profile()

    def add(self, batch: "pa.RecordBatch") -> None:
        """Take the next rows; they reach the disk by files."""
        import pyarrow as pa
        import pyarrow.compute as pc

        batch = normalised(batch, self._spec)
        if self.columns is None:
            self.columns = tuple(
                ColumnSchema(name=field.name, type=str(field.type)) for field in batch.schema
            )
        label = batch.column(self._spec.label)
        kept = batch.filter(pc.is_valid(label))
        self.rows_without_label += batch.num_rows - kept.num_rows
        if kept.num_rows == 0:
            return
        late = pc.greater(kept.column(self._spec.known_at), kept.column(self._spec.event_time))
        late = pc.fill_null(late, True)  # a value of the array, not a flag
        self.late_knowledge_rows += pc.sum(pc.cast(late, pa.int64())).as_py() or 0
        self.positives += int(pc.sum(kept.column(self._spec.label)).as_py())
        self.profile = self.profile.merge(
            profile_batch(kept, numbers=self._spec.numbers, categories=self._spec.categories)
        )
        self.rows += kept.num_rows
        self._pending.append(kept)
        self._pending_rows += kept.num_rows
        if self._pending_rows >= FILE_ROWS:
            self._write_file()

    def finish(self) -> None:
        """Write what is left."""
        if self._pending_rows:
            self._write_file()

    def digest(self) -> str:
        """Hash of the rows written so far."""
        return self._hash.hexdigest()

    def _write_file(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_batches(self._pending).combine_chunks()
        for batch in _content(table):
            self._hash.update(batch)
        name = f"{self._prefix}/part-{len(self.files):05d}.parquet"
        with self._place.open_atomically(name) as stream:
            pq.write_table(table, stream, row_group_size=ROW_GROUP_ROWS, compression="zstd")
            size = stream.tell()
        full, rest = divmod(table.num_rows, ROW_GROUP_ROWS)
        groups = (ROW_GROUP_ROWS,) * full + ((rest,) if rest else ())
        self.files.append(DataFile(path=name, bytes=size, row_groups=groups))
        self._pending = []
        self._pending_rows = 0


def _content(table: "pa.Table") -> Iterator[bytes]:
    """The rows as bytes that depend on their values alone, not on how they were batched."""
    import numpy as np
    import pyarrow as pa

    for start in range(0, table.num_rows, HASH_ROWS):
        part = table.slice(start, HASH_ROWS)
        # `take` copies, so that no offset or padding of a slice gets into the hash.
        part = part.take(pa.array(np.arange(part.num_rows))).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as stream:
            stream.write_table(part)
        yield sink.getvalue().to_pybytes()
