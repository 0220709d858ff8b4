"""The reader that feeds a worker: its share of a snapshot's rows, straight from Parquet.

Rows are numbered over all files of the window; a worker owns a contiguous range of them, of the
same length (to one row) as every other's, and reads only the row groups that touch it. Every n-th
row is for validation. All workers yield equally many batches, or a step that averages gradients
would wait for ever; the shorter ones begin again from their first rows, as torch's
`DistributedSampler` does.

A share that fits in `cache_bytes` is decoded once and shuffled as a whole; a larger one is streamed
row group by row group in a shuffled order, each shuffled within, with one thread reading ahead.
"""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fsspec.core import url_to_fs

from ml_platform.errors import TrainingSetError
from ml_platform.training.api import Batch, FeatureEncoding, Split
from ml_platform.training.encoding import Encoder

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CACHE_BYTES: Final = 1 << 30
READ_AHEAD: Final = 4
STREAM_ROWS: Final = 131_072
"""Rows that are shuffled together when streaming."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group of a file and the number of its first row within the window."""

    uri: str
    index: int
    first: int
    rows: int


def row_groups(files: Sequence[tuple[str, Sequence[int]]]) -> list[RowGroup]:
    """Number the rows of `files`, each given as its URI and the rows of its row groups."""
    found = []
    first = 0
    for uri, sizes in files:
        for index, rows in enumerate(sizes):
            found.append(RowGroup(uri, index, first, rows))
            first += rows
    return found


def share(rows: int, rank: int, world_size: int) -> tuple[int, int]:
    """The range of rows that a worker owns; the ranges cover all rows, each once."""
    return rows * rank // world_size, rows * (rank + 1) // world_size


def split_count(first: int, last: int, split: Split, every: int) -> int:
    """Rows of `split` in `[first, last)`, where every `every`-th row is for validation."""
    validation = -(-last // every) - -(-first // every)
    return validation if split == "validation" else (last - first) - validation


class ShardReader:
    """One worker's rows of a window.

    Args:
        files: URI and row-group sizes of each file, in order.
        encoding: How columns become numbers.
        rank: This worker.
        world_size: All workers.
        seed: Of the shuffle.
        validation_fraction: Share of rows for validation.
        cache_bytes: Size up to which the share is kept decoded.

    Raises:
        TrainingSetError: there are fewer rows than workers.
    """

    def __init__(
        self,
        files: Sequence[tuple[str, Sequence[int]]],
        encoding: FeatureEncoding,
        *,
        rank: int = 0,
        world_size: int = 1,
        seed: int = 0,
        validation_fraction: float = 0.1,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._groups = row_groups(files)
        self._encoder = Encoder(encoding)
        self._seed = seed
        self._rank = rank
        self._every = max(2, round(1 / validation_fraction))
        self.rows = sum(group.rows for group in self._groups)
        if self.rows < world_size * self._every:
            raise TrainingSetError(
                f"{self.rows} rows are too few for {world_size} workers",
                hint="train on a longer window or with fewer workers.",
            )
        self._world_size = world_size
        self._first, self._last = share(self.rows, rank, world_size)
        width = 4 * (len(encoding.numbers) + len(encoding.categories) + 1)
        self._cached = (self._last - self._first) * width <= cache_bytes
        self._cache: dict[Split, _Rows] = {}

    def batch_count(self, split: Split, rows: int) -> int:
        """Batches of `rows` in an epoch: the same for every worker."""
        most = max(
            split_count(*share(self.rows, rank, self._world_size), split, self._every)
            for rank in range(self._world_size)
        )
        return -(-most // rows)

    def batches(self, split: Split, *, epoch: int = 0, rows: int = 1024) -> Iterator[Batch]:
        """Batches of an epoch; training rows are shuffled by seed, rank and epoch."""
        if self._cached:
            yield from self._from_cache(split, epoch, rows)
        else:
            yield from _read_ahead(self._streamed(split, epoch, rows))

    def _order(self, split: Split, epoch: int, count: int) -> "np.ndarray[Any, Any]":
        import numpy as np

        if split == "validation":
            return np.arange(count)
        return np.random.default_rng((self._seed, self._rank, epoch)).permutation(count)

    def _from_cache(self, split: Split, epoch: int, rows: int) -> Iterator[Batch]:
        import torch

        if not self._cache:
            self._cache = self._decode_share()
        kept = self._cache[split]
        order = torch.from_numpy(self._order(split, epoch, len(kept)))
        total = self.batch_count(split, rows)
        for number in range(total):
            picked = order[number * rows : (number + 1) * rows]
            if len(picked) == 0:  # a shorter share begins again
                picked = order[:rows]
            yield kept.take(picked)

    def _decode_share(self) -> "dict[Split, _Rows]":
        import numpy as np

        parts: dict[Split, list[Any]] = {"train": [], "validation": []}
        for group in self._groups:
            if group.first < self._last and group.first + group.rows > self._first:
                for split in parts:
                    parts[split].append(self._decode(group, split))
        return {
            split: _Rows(*(np.concatenate(column) for column in zip(*found, strict=True)))
            for split, found in parts.items()
        }

    def _decode(self, group: RowGroup, split: Split) -> tuple[Any, ...]:
        """This worker's rows of a row group that belong to `split`."""
        import numpy as np

        first = max(self._first, group.first)
        last = min(self._last, group.first + group.rows)
        numbers = np.arange(first, last)
        wanted = (numbers % self._every == 0) == (split == "validation")
        table = _read_group(group, self._encoder.columns).slice(first - group.first, last - first)
        return self._encoder.encode(table.filter(wanted))

    def _streamed(self, split: Split, epoch: int, rows: int) -> Iterator[Batch]:
        import numpy as np
        import torch

        mine = [
            group
            for group in self._groups
            if group.first < self._last and group.first + group.rows > self._first
        ]
        remaining = self.batch_count(split, rows)
        turn = 0
        while remaining:
            left: tuple[Any, ...] | None = None
            for position in self._order(split, epoch * 1_000 + turn, len(mine)):
                part = self._decode(mine[position], split)
                shuffle = self._order(split, epoch * 1_000 + position, len(part[2]))
                part = tuple(column[shuffle] for column in part)
                if left is not None:
                    part = tuple(np.concatenate(pair) for pair in zip(left, part, strict=True))
                start = 0
                while len(part[2]) - start >= rows and remaining:
                    yield Batch(*(torch.from_numpy(c[start : start + rows]) for c in part))
                    start += rows
                    remaining -= 1
                left = tuple(column[start:] for column in part)
                if not remaining:
                    return
            if left is not None and len(left[2]):
                yield Batch(*(torch.from_numpy(column) for column in left))
                remaining -= 1
            turn += 1


class _Rows:
    """Decoded rows as three tensors."""

    def __init__(self, numbers: Any, categories: Any, label: Any) -> None:
        import torch

        self._columns = tuple(torch.from_numpy(array) for array in (numbers, categories, label))

    def __len__(self) -> int:
        return len(self._columns[2])

    def take(self, picked: Any) -> Batch:
        return Batch(*(column.index_select(0, picked) for column in self._columns))


def read_batches(
    files: Sequence[tuple[str, Sequence[int]]], encoding: FeatureEncoding, *, rows: int = 8192
) -> Iterator[Batch]:
    """All rows of `files` in order, for scoring a model."""
    import torch

    encoder = Encoder(encoding)

    def decoded() -> Iterator[Batch]:
        for group in row_groups(files):
            table = _read_group(group, encoder.columns)
            for start in range(0, table.num_rows, rows):
                arrays = encoder.encode(table.slice(start, rows))
                yield Batch(*(torch.from_numpy(array) for array in arrays))

    return _read_ahead(decoded())


def _read_group(group: RowGroup, columns: list[str]) -> "pa.Table":
    import pyarrow.parquet as pq

    filesystem, path = url_to_fs(group.uri)
    with filesystem.open(path, "rb") as stream:
        return pq.ParquetFile(stream).read_row_group(group.index, columns=columns)


def _read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Run an iterator in a thread, a few batches ahead; ends the thread when left early."""
    ahead: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=READ_AHEAD)
    left = threading.Event()

    def put(item: Batch | BaseException | None) -> bool:
        while not left.is_set():
            try:
                ahead.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(None)
        except BaseException as error:  # handed to the thread that iterates
            put(error)

    thread = threading.Thread(target=run, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ahead.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
        thread.join()
