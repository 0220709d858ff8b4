"""Rows on their way out of a warehouse, which end with it.

A reader that is still open when its connection closes keeps what it reads: DuckDB 2.0 then spins
for ever in the next connection to the same file, deaf to every signal (duckdb#25965), and BigQuery
goes on sending. So a warehouse knows the streams that it has given out, and closes them first.
"""

import inspect
import weakref
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Self

from ml_platform.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa


class BatchStream(Iterator["pa.RecordBatch"]):
    """The batches of one read. It ends at its last row, at an error, and with its warehouse.

    Args:
        batches: Makes the batches, opens nothing before the first is asked for, and lets go of
            everything when it is closed.
        what: What is read, as the end of "could not …".
    """

    def __init__(self, batches: Generator["pa.RecordBatch"], *, what: str) -> None:
        self._batches = batches
        self._what = what
        self._broken_off = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> "pa.RecordBatch":
        if self._broken_off:
            raise WarehouseError(
                f"could not {self._what}: the warehouse was closed, or written, before all rows "
                "were read",
                hint="read to the end before the warehouse is closed or written.",
            )
        return next(self._batches)

    def close(self) -> None:
        """Stop reading; what is not read by now never comes."""
        self._batches.close()

    def break_off(self) -> None:
        """Close it for its warehouse: a reader that goes on is told that rows are missing."""
        self._broken_off = inspect.getgeneratorstate(self._batches) != inspect.GEN_CLOSED
        self._batches.close()


class OpenStreams:
    """The streams that a warehouse has given out and somebody still holds."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[BatchStream] = weakref.WeakSet()

    def opened(self, batches: Generator["pa.RecordBatch"], *, what: str) -> BatchStream:
        """A stream that will end with the warehouse."""
        stream = BatchStream(batches, what=what)
        self._streams.add(stream)
        return stream

    def close(self) -> None:
        """End all that are not at their end."""
        for stream in list(self._streams):
            stream.break_off()
