"""Snapshots are immutable, named by content, and complete or absent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa  # noqa: TID253
import pytest
from fsspec.implementations.memory import MemoryFileSystem

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


def test_whole_numbers_that_a_float_cannot_hold_are_rounded(store: SnapshotStore) -> None:
    large = [20_000_001, 2**53 + 1, None, -(2**63)]
    rows = day_of_flights(rows=4, wind=pa.array(large, pa.int64()))
    manifest = store.write(DAY, rows.to_batches(), spec=SPEC, source=SOURCE).manifest
    found = store.read(manifest, ["wind"]).column("wind").to_pylist()
    assert found == [20_000_000.0, float(2**53), None, float(-(2**63))]


@pytest.mark.parametrize(
    "label",
    [
        pa.array([True, False, None, True]),
        pa.array([1, 0, None, 1], pa.decimal128(3, 1)),
        pa.array([1.0, 0.0, None, 1.0]),
        pa.array([1, 0, None, 1], pa.uint64()),
    ],
    ids=["bool", "decimal", "double", "uint64"],
)
def test_a_label_is_judged_by_its_values(store: SnapshotStore, label: pa.Array) -> None:
    rows = day_of_flights(rows=4, is_late=label)
    manifest = store.write(DAY, rows.to_batches(), spec=SPEC, source=SOURCE).manifest
    assert store.read(manifest, ["is_late"]).column("is_late").to_pylist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ([-1, 1, -1, 1], "-1"),
        ([0, 2, 0, 2], "2"),
        ([0.5, 1.0, 0.0, 1.0], "0.5"),
        ([float("nan"), 1.0, 0.0, 1.0], "nan"),
        ([7, 300, 1, 0], "7, 300"),
    ],
)
def test_a_label_that_is_neither_0_nor_1_is_refused_with_what_it_is(
    store: SnapshotStore, label: list[float], found: str
) -> None:
    rows = day_of_flights(rows=4, is_late=label)
    with pytest.raises(TrainingSetError, match=f"neither 0 nor 1 but {found}") as caught:
        store.write(DAY, rows.to_batches(), spec=SPEC, source=SOURCE)
    assert "is_late of flight_features" in caught.value.message
    assert store.find(DAY) is None


def test_a_value_that_cannot_be_cast_is_named_with_its_column(store: SnapshotStore) -> None:
    rows = day_of_flights(rows=2, wind=["calm", "12"])
    with pytest.raises(TrainingSetError, match=r"wind of flight_features is string .* 'calm'"):
        store.write(DAY, rows.to_batches(), spec=SPEC, source=SOURCE)


def test_rows_of_equal_keys_are_sorted_by_all_that_they_hold() -> None:
    assert SPEC.sort_columns[:2] == ("flight_id", "departure_at")
    assert set(SPEC.sort_columns) == set(SPEC.columns)


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
    with pytest.raises(TrainingSetError, match="no rows for 2013-01-01") as caught:
        store.write(DAY, [], spec=SPEC, source=SOURCE)
    assert "`empty_days: allowed`" in caught.value.hint


def test_a_day_without_rows_is_a_snapshot_if_the_model_allows_it(store: SnapshotStore) -> None:
    allowing = SPEC.model_copy(update={"empty_days": "allowed"})
    manifest = store.write(DAY, [], spec=allowing, source=SOURCE).manifest
    store.write("2013-01-02", day_of_flights(2).to_batches(), spec=allowing, source=SOURCE)
    window = store.load_window([DAY, "2013-01-02"], allowing, what="training")
    columns = ["wind", "carrier", "is_late"]
    rows = pa.concat_tables(store.read(one, columns) for one in window)
    assert (manifest.rows, manifest.files, rows.num_rows) == (0, (), 100)


def test_missing_days_of_a_window_are_named_with_the_command_that_makes_them(
    store: SnapshotStore,
) -> None:
    store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE)
    with pytest.raises(TrainingSetError, match="2 of 3 are not there: 2013-01-02, 2013-01-03") as e:
        store.load_days([DAY, "2013-01-02", "2013-01-03"], SPEC, what="training")
    assert "mlp backfill delays --from 2013-01-02 --to 2013-01-03" in e.value.hint


def only_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.parquet")
    return path


def test_a_snapshot_whose_file_was_cut_is_written_anew_by_the_same_name(
    store: SnapshotStore, tmp_path: Path
) -> None:
    first = store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE)
    cut = only_file(tmp_path)
    cut.write_bytes(cut.read_bytes()[:-9])
    assert "bytes, expected" in store.files(first.manifest).damage()
    again = store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE)
    assert (again.new, again.manifest.version) == (True, first.manifest.version)
    assert store.read(store.load(DAY)).num_rows == 100


def test_what_a_file_lacks_is_said_with_what_was_expected(
    store: SnapshotStore, tmp_path: Path
) -> None:
    manifest = store.write(DAY, day_of_flights().to_batches(), spec=SPEC, source=SOURCE).manifest
    path = only_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(b"x" * len(whole))
    assert "is no Parquet file that can be read" in store.files(manifest).damage()
    path.write_bytes(whole)
    (file,) = manifest.files
    more = manifest.model_copy(update={"files": (file.model_copy(update={"row_groups": (150,)}),)})
    assert store.files(more).damage().endswith("has 100 rows, expected 150")
    path.unlink()
    assert store.files(manifest).damage().endswith("is not there")


class Forgetful(MemoryFileSystem):
    """A storage that says yes and keeps only the beginning of a file of rows."""

    protocol = "forgetful"

    def put_file(self, lpath: str, rpath: str, **options: Any) -> None:
        content = Path(lpath).read_bytes()
        self.pipe_file(rpath, content[:100] if rpath.endswith(".parquet") else content)


def test_a_snapshot_that_cannot_be_read_back_fails_and_is_not_there() -> None:
    fsspec.register_implementation("forgetful", Forgetful, clobber=True)
    store = SnapshotStore("forgetful://bucket/ns", "delays")
    rows = day_of_flights().to_batches()
    with pytest.raises(TrainingSetError, match=r"cannot be read back: .* has 100 bytes, expected"):
        store.write(DAY, rows, spec=SPEC, source=SOURCE)
    assert store.find(DAY) is None


def test_a_draw_is_bounded_and_of_each_day_its_share(store: SnapshotStore) -> None:
    days = [
        store.write(
            f"2013-01-{day:02d}",
            day_of_flights(day, rows=rows).to_batches(),
            spec=SPEC,
            source=SOURCE,
        ).manifest
        for day, rows in ((1, 300), (2, 100))
    ]
    drawn = store.draw(days, ["flight_id", "is_late"], rows=40, seed=3)
    ids = drawn.column("flight_id").to_pylist()
    assert [one[:2] for one in ids] == ["01"] * 30 + ["02"] * 10
    assert sorted(set(ids)) == ids
    assert drawn.equals(store.draw(days, ["flight_id", "is_late"], rows=40, seed=3))
    assert not drawn.equals(store.draw(days, ["flight_id", "is_late"], rows=40, seed=4))
    assert store.draw(days, ["flight_id"], rows=400, seed=3).num_rows == 400
