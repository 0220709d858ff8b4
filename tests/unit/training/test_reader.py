"""Every worker reads its own share, all rows are read, and nobody waits for another."""

from pathlib import Path

import pytest
import torch  # noqa: TID253

from ml_platform.errors import TrainingSetError
from ml_platform.training.api import SPLITS, FeatureEncoding
from ml_platform.training.encoding import fit_encoding
from ml_platform.training.reader import (
    DataFileRef,
    RowPart,
    ShardReader,
    read_batches,
    share,
)
from ml_platform.training_set.profile import merge_profiles
from ml_platform.training_set.store import SnapshotStore
from tests.support.flights import SOURCE, SPEC, day_of_flights

ROWS = (100, 37, 64)
Files = list[DataFileRef]


@pytest.fixture
def window(tmp_path: Path) -> tuple[Files, FeatureEncoding]:
    store = SnapshotStore(tmp_path.as_uri(), "delays")
    manifests = [
        store.write(
            f"2013-01-{day:02d}",
            day_of_flights(day, rows=rows).to_batches(),
            spec=SPEC,
            source=SOURCE,
        ).manifest
        for day, rows in enumerate(ROWS, start=1)
    ]
    files = [ref for manifest in manifests for ref in store.file_refs(manifest)]
    return files, fit_encoding(merge_profiles(m.profile for m in manifests), SPEC)


def rows_of(
    window: tuple[Files, FeatureEncoding], *, world_size: int, cache_bytes: int, rows: int = 16
) -> list[list[torch.Tensor]]:
    """The numbers of each batch, by worker."""
    files, encoding = window
    readers = [
        ShardReader(
            files, encoding, rank=rank, world_size=world_size, seed=1, cache_bytes=cache_bytes
        )
        for rank in range(world_size)
    ]
    return [[batch.numbers for batch in reader.batches(rows=rows)] for reader in readers]


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20], ids=["streamed", "cached"])
def test_one_worker_reads_every_row_once(
    window: tuple[Files, FeatureEncoding], cache_bytes: int
) -> None:
    (batches,) = rows_of(window, world_size=1, cache_bytes=cache_bytes)
    seen = torch.cat(batches)
    assert seen.shape == (sum(ROWS), 2)
    assert len(torch.unique(seen, dim=0)) == sum(ROWS)


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20], ids=["streamed", "cached"])
@pytest.mark.parametrize("world_size", [2, 3, 7])
def test_all_workers_yield_equally_many_batches_and_together_every_row(
    window: tuple[Files, FeatureEncoding], world_size: int, cache_bytes: int
) -> None:
    shares = rows_of(window, world_size=world_size, cache_bytes=cache_bytes, rows=7)
    together = torch.cat([torch.cat(batches) for batches in shares])
    assert len({len(batches) for batches in shares}) == 1
    assert len(torch.unique(together, dim=0)) == sum(ROWS)


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20], ids=["streamed", "cached"])
def test_the_order_is_drawn_from_seed_and_epoch(
    window: tuple[Files, FeatureEncoding], cache_bytes: int
) -> None:
    reader = ShardReader(*window, seed=7, cache_bytes=cache_bytes)
    first = torch.cat([batch.numbers for batch in reader.batches(epoch=0)])
    again = torch.cat([batch.numbers for batch in reader.batches(epoch=0)])
    later = torch.cat([batch.numbers for batch in reader.batches(epoch=1)])
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_without_a_seed_rows_come_in_their_order(window: tuple[Files, FeatureEncoding]) -> None:
    in_order = torch.cat([batch.numbers for batch in read_batches(*window)])
    unshuffled = torch.cat([batch.numbers for batch in ShardReader(*window).batches()])
    assert torch.equal(unshuffled, in_order)


def test_numbers_are_standardised_and_missing_ones_are_the_mean(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path.as_uri(), "delays")
    wind = [None] * 10 + [1.0, 3.0] * 45
    manifest = store.write(
        "2013-01-01", day_of_flights(wind=wind).to_batches(), spec=SPEC, source=SOURCE
    ).manifest
    encoding = fit_encoding(manifest.profile, SPEC)
    (batch,) = read_batches(store.file_refs(manifest), encoding)
    assert encoding.means[1] == 2.0
    assert batch.numbers[:12, 1].tolist() == [0.0] * 10 + [-1.0, 1.0]


def test_a_value_that_the_window_did_not_have_is_encoded_as_unknown(
    window: tuple[Files, FeatureEncoding],
) -> None:
    files, encoding = window
    shorter = encoding.model_copy(update={"vocabularies": (("AA",),)})
    batch = next(read_batches(files, shorter, rows=3))
    assert batch.categories.tolist() == [[1], [0], [0]]


def test_a_reader_that_is_left_early_ends_its_thread(
    window: tuple[Files, FeatureEncoding],
) -> None:
    import threading

    batches = read_batches(*window, rows=2)
    next(batches)
    batches.close()
    assert "read-ahead" not in [thread.name for thread in threading.enumerate()]


def test_fewer_rows_than_workers_are_refused(window: tuple[Files, FeatureEncoding]) -> None:
    files, encoding = window
    with pytest.raises(TrainingSetError, match="too few for 202 workers"):
        ShardReader(files, encoding, world_size=202)


def test_shares_cover_all_rows_each_once() -> None:
    assert [share(10, rank, 3) for rank in range(3)] == [(0, 3), (3, 6), (6, 10)]


@pytest.mark.parametrize("bounds", [(0, 100), (7, 43), (13, 13), (99, 100)])
def test_each_row_is_for_training_or_for_validation(bounds: tuple[int, int]) -> None:
    train, held = (RowPart(split=split, every=10) for split in SPLITS)
    assert (train.mask(*bounds) ^ held.mask(*bounds)).all()
    assert train.count(*bounds) == train.mask(*bounds).sum()
    assert held.count(*bounds) == held.mask(*bounds).sum()


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20], ids=["streamed", "cached"])
def test_the_splits_of_all_workers_together_are_the_window(
    window: tuple[Files, FeatureEncoding], cache_bytes: int
) -> None:
    readers = [
        ShardReader(
            *window,
            part=RowPart(split=split, every=10),
            rank=rank,
            world_size=2,
            cache_bytes=cache_bytes,
        )
        for split in SPLITS
        for rank in range(2)
    ]
    seen = [torch.cat([batch.numbers for batch in one.batches(rows=9999)]) for one in readers]
    assert len(torch.unique(torch.cat(seen), dim=0)) == sum(map(len, seen)) == sum(ROWS)


def test_a_worker_without_a_row_to_validate_on_is_refused(
    window: tuple[Files, FeatureEncoding],
) -> None:
    part = RowPart(split="validation", every=10)
    with pytest.raises(TrainingSetError, match="one would have none to validate on"):
        ShardReader(*window, part=part, world_size=100)
