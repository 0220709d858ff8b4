"""Snapshots are immutable, named by content, and complete or absent."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa  # noqa: TID253
import pytest

from ml_platform.errors import TrainingSetError
from ml_platform.training_set.store import SnapshotStore
from tests.support.flights import SOURCE, SPEC, day_of_flights

DAY = "2013-01-01"


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path.as_uri(), "delays")


def files_of(folder: Path) -> dict[str, float]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.parquet")
    }


def test_a_snapshot_reads_back_as_it_was_written(store: SnapshotStore) -> None:
    rows = day_of_flights()
    written = store.write(DAY, rows.to_batches(), spec=SPEC, source=SOURCE)
    read = store.read(store.load(DAY))
    assert written.new
    assert read.column("flight_id").to_pylist() == rows.column("flight_id").to_pylist()
    assert read.column("is_late").to_pylist() == rows.column("is_late").to_pylist()


def test_writing_the_same_rows_twice_writes_nothing_new(
    store: SnapshotStore, tmp_path: Path
) -> None:
    first = store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE)
    before = files_of(tmp_path)
    second = store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE)
    assert not second.new
    assert second.manifest == first.manifest
    assert files_of(tmp_path) == before


def test_the_version_does_not_depend_on_how_rows_are_batched(store: SnapshotStore) -> None:
    rows = day_of_flights()
    one = store.write(DAY, rows.to_batches(), spec=SPEC, source=SOURCE)
    other = store.write(DAY, rows.to_batches(max_chunksize=7), spec=SPEC, source=SOURCE)
    assert other.manifest.version == one.manifest.version


def test_changed_rows_become_a_new_version_beside_the_old_one(store: SnapshotStore) -> None:
    old = store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE)
    changed = day_of_flights(carrier=["ZZ"] * 100)
    new = store.write(DAY, changed.to_batches(), spec=SPEC, source=SOURCE)
    assert new.manifest.version != old.manifest.version
    assert store.load(DAY).version == new.manifest.version
    assert store.load(DAY, old.manifest.version) == old.manifest


def test_rows_without_a_label_are_left_out_and_counted(store: SnapshotStore) -> None:
    rows = day_of_flights(is_late=pa.array([None] * 10 + [1] * 40 + [0] * 50))
    manifest = store.write(DAY, rows.to_batches(), spec=SPEC, source=SOURCE).manifest
    assert (manifest.rows, manifest.rows_without_label, manifest.positives) == (90, 10, 40)


def test_a_write_that_fails_in_the_middle_leaves_nothing(
    store: SnapshotStore, tmp_path: Path
) -> None:
    def torn() -> Iterator[pa.RecordBatch]:
        yield from day_of_flights().to_batches()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(DAY, torn(), spec=SPEC, source=SOURCE)
    assert store.find(DAY) is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_day_without_rows_is_refused(store: SnapshotStore) -> None:
    with pytest.raises(TrainingSetError, match="no rows for 2013-01-01"):
        store.write(DAY, [], spec=SPEC, source=SOURCE)


def test_missing_days_of_a_window_are_named_with_the_command_that_makes_them(
    store: SnapshotStore,
) -> None:
    store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE)
    with pytest.raises(TrainingSetError, match="2 of 3 are not there: 2013-01-02, 2013-01-03") as e:
        store.load_days([DAY, "2013-01-02", "2013-01-03"], SPEC, what="training")
    assert "mlp backfill delays --from 2013-01-02 --to 2013-01-03" in e.value.hint
