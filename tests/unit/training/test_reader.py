"""Every worker reads its own share, all rows are read, and nobody waits for another."""

from pathlib import Path

import pytest
import torch  # noqa: TID253

from ml_platform.errors import TrainingSetError
from ml_platform.training.api import FeatureEncoding, Split
from ml_platform.training.encoding import fit_encoding
from ml_platform.training.reader import ShardReader, read_batches, share, split_count
from ml_platform.training_set.profile import merge_profiles
from ml_platform.training_set.store import SnapshotStore
from tests.support.flights import SOURCE, SPEC, day_of_flights

ROWS = (100, 37, 64)
Files = list[tuple[str, list[int]]]


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
    files = [(store.file_uris(m)[0], list(m.files[0].row_groups)) for m in manifests]
    return files, fit_encoding(merge_profiles(m.profile for m in manifests), SPEC)


def rows_of(
    window: tuple[Files, FeatureEncoding],
    split: Split,
    *,
    world_size: int,
    cache_bytes: int,
    rows: int = 16,
) -> list[list[torch.Tensor]]:
    files, encoding = window
    return [
        [
            batch.numbers
            for batch in ShardReader(
                files, encoding, rank=rank, world_size=world_size, cache_bytes=cache_bytes
            ).batches(split, rows=rows)
        ]
        for rank in range(world_size)
    ]


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20], ids=["streamed", "cached"])
def test_one_worker_reads_every_row_once(
    window: tuple[Files, FeatureEncoding], cache_bytes: int
) -> None:
    train = rows_of(window, "train", world_size=1, cache_bytes=cache_bytes)
    validation = rows_of(window, "validation", world_size=1, cache_bytes=cache_bytes)
    seen = torch.cat([*train[0], *validation[0]])
    assert seen.shape == (sum(ROWS), 2)
    assert len(torch.unique(seen, dim=0)) == sum(ROWS)


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20], ids=["streamed", "cached"])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_all_workers_yield_equally_many_batches_and_together_every_row(
    window: tuple[Files, FeatureEncoding], split: Split, cache_bytes: int
) -> None:
    shares = rows_of(window, split, world_size=3, cache_bytes=cache_bytes, rows=7)
    alone = rows_of(window, split, world_size=1, cache_bytes=cache_bytes)
    assert len({len(batches) for batches in shares}) == 1
    together = torch.cat([torch.cat(batches) for batches in shares])
    assert torch.equal(torch.unique(together, dim=0), torch.unique(torch.cat(alone[0]), dim=0))


def test_the_order_is_drawn_from_seed_and_epoch(window: tuple[Files, FeatureEncoding]) -> None:
    files, encoding = window
    reader = ShardReader(files, encoding, seed=7)
    first = torch.cat([batch.numbers for batch in reader.batches("train", epoch=0)])
    again = torch.cat([batch.numbers for batch in reader.batches("train", epoch=0)])
    later = torch.cat([batch.numbers for batch in reader.batches("train", epoch=1)])
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_numbers_are_standardised_and_missing_ones_are_the_mean(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path.as_uri(), "delays")
    wind = [None] * 10 + [1.0, 3.0] * 45
    manifest = store.write(
        "2013-01-01", day_of_flights(wind=wind).to_batches(), spec=SPEC, source=SOURCE
    ).manifest
    encoding = fit_encoding(manifest.profile, SPEC)
    files = [(store.file_uris(manifest)[0], list(manifest.files[0].row_groups))]
    (batch,) = read_batches(files, encoding)
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
    batches.close()  # type: ignore[attr-defined]
    assert "read-ahead" not in [thread.name for thread in threading.enumerate()]


def test_fewer_rows_than_workers_are_refused(window: tuple[Files, FeatureEncoding]) -> None:
    files, encoding = window
    with pytest.raises(TrainingSetError, match="too few for 64 workers"):
        ShardReader(files, encoding, world_size=64)


def test_shares_cover_all_rows_each_once() -> None:
    assert [share(10, rank, 3) for rank in range(3)] == [(0, 3), (3, 6), (6, 10)]


def test_the_split_counts_every_nth_row() -> None:
    assert split_count(0, 100, "validation", 10) == 10
    assert split_count(1, 10, "validation", 10) == 0
    assert split_count(5, 25, "train", 10) == 18
