"""Loading the example's raw tables: once, whole, and with a word on what is missing."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_platform.errors import WarehouseError
from ml_platform.warehouse.duckdb import DuckDBWarehouse
from ml_platform.warehouse.example_data import Loaded, data_folder, load_example_data
from ml_platform.warehouse.example_tables import RAW_TABLES, RawTable
from ml_platform.warehouse.interface import Warehouse

TABLE = RawTable(
    name="trips",
    file="trips.csv",
    rows=2,
    description="A trip.",
    columns={
        "id": ("string", "Its id."),
        "delay": ("int64", "Minutes late."),
        "time_hour": ("time", "Its hour."),
    },
)
CSV = "id,delay,time_hour,unused\nA,NA,2013-01-01T10:00:00Z,1\nB,-3,2013-01-01T11:00:00Z,2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trips.csv").write_text(CSV)
    return tmp_path


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with DuckDBWarehouse(tmp_path / "w.duckdb") as warehouse:
        yield warehouse


def test_rows_are_loaded_with_types_and_missing_values(warehouse: Warehouse, folder: Path) -> None:
    load_example_data(warehouse, [TABLE], folder=folder)
    rows = warehouse.run(f"SELECT * FROM {TABLE.ref} ORDER BY id").to_pylist()
    assert rows == [
        {"id": "A", "delay": None, "time_hour": datetime(2013, 1, 1, 10, tzinfo=UTC)},
        {"id": "B", "delay": -3, "time_hour": datetime(2013, 1, 1, 11, tzinfo=UTC)},
    ]


def test_a_complete_table_is_not_loaded_again(warehouse: Warehouse, folder: Path) -> None:
    first = load_example_data(warehouse, [TABLE], folder=folder)
    (folder / "trips.csv").unlink()
    second = load_example_data(warehouse, [TABLE], folder=folder)
    assert (first, second) == (
        [Loaded(table=TABLE, rows=2, new=True)],
        [Loaded(table=TABLE, rows=2, new=False)],
    )


def test_a_table_with_too_few_rows_is_loaded_again(warehouse: Warehouse, folder: Path) -> None:
    load_example_data(warehouse, [TABLE], folder=folder)
    warehouse.run(f"DELETE FROM {TABLE.ref} WHERE id = 'A'")
    assert load_example_data(warehouse, [TABLE], folder=folder)[0].new


def test_a_table_of_another_loader_is_loaded_again(warehouse: Warehouse, folder: Path) -> None:
    load_example_data(warehouse, [TABLE], folder=folder)
    warehouse.run(f"COMMENT ON COLUMN {TABLE.ref}.id IS 'Its id. (loader 0)'")
    assert load_example_data(warehouse, [TABLE], folder=folder)[0].new


def test_a_zipped_file_is_read_where_it_is(warehouse: Warehouse, folder: Path) -> None:
    with zipfile.ZipFile(folder / "trips.csv.zip", "w") as archive:
        archive.writestr("trips.csv", CSV)
    zipped = replace(TABLE, file="trips.csv.zip")
    assert load_example_data(warehouse, [zipped], folder=folder)[0].rows == 2


def test_a_missing_file_names_the_extra_to_install(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"no file trips\.csv") as caught:
        load_example_data(warehouse, [TABLE], folder=tmp_path)
    assert "--extra demo" in caught.value.hint


def test_a_wrong_value_keeps_the_old_table(warehouse: Warehouse, folder: Path) -> None:
    load_example_data(warehouse, [TABLE], folder=folder)
    (folder / "trips.csv").write_text(CSV + "C,late,2013-01-01T12:00:00Z,3\n")
    with pytest.raises(WarehouseError, match="late"):
        load_example_data(warehouse, [replace(TABLE, rows=3)], folder=folder)
    assert warehouse.run(f"SELECT count(*) AS n FROM {TABLE.ref}").to_pylist() == [{"n": 2}]


def test_the_installed_package_has_a_file_for_every_table() -> None:
    folder = data_folder()
    assert [table.file for table in RAW_TABLES if not (folder / table.file).exists()] == []
