"""Waiting for a DuckDB file that is taken; the holder here is this process, in the other mode."""

from collections.abc import Iterator
from pathlib import Path

import duckdb  # noqa: TID253
import pytest

from ml_platform.errors import WarehouseError
from ml_platform.warehouse.duckdb_connection import DuckDBConnections


class FakeTime:
    """A clock that only sleeping moves; at the second pause the holder lets go, if told so."""

    def __init__(self, holder: duckdb.DuckDBPyConnection, *, lets_go: bool) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self._holder = holder
        self._lets_go = lets_go

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        if self._lets_go and len(self.pauses) == 2:
            self._holder.close()

    def clock(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def holder(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Holds the file for writing."""
    connection = duckdb.connect(str(file))
    yield connection
    connection.close()


def test_a_taken_file_is_waited_for(file: Path, holder: duckdb.DuckDBPyConnection) -> None:
    time = FakeTime(holder, lets_go=True)
    connections = DuckDBConnections(file, timeout_s=60, sleep=time.sleep, clock=time.clock)
    assert connections.for_reading().execute("SELECT 1").fetchall() == [(1,)]
    assert len(time.pauses) == 2
    connections.close()


def test_waiting_has_a_limit_and_longer_pauses(
    file: Path, holder: duckdb.DuckDBPyConnection
) -> None:
    time = FakeTime(holder, lets_go=False)
    connections = DuckDBConnections(file, timeout_s=60, sleep=time.sleep, clock=time.clock)
    with pytest.raises(WarehouseError, match="within 60 s: this process holds it in another mode"):
        connections.for_reading()
    assert 60 <= time.now < 63
    assert max(time.pauses) > 10 * time.pauses[0]


def test_a_missing_file_is_said_at_once_when_reading(file: Path) -> None:
    with pytest.raises(WarehouseError, match="there is no warehouse") as caught:
        DuckDBConnections(file, timeout_s=0).for_reading()
    assert "raw tables" in caught.value.hint


def test_writing_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    connections = DuckDBConnections(tmp_path / "new" / "w.duckdb", timeout_s=0)
    connections.for_writing().execute("CREATE TABLE t (x INT)")
    connections.close()
    assert (tmp_path / "new" / "w.duckdb").exists()


def test_a_file_of_another_kind_is_not_waited_for(file: Path) -> None:
    file.write_text("this is no database")
    with pytest.raises(WarehouseError, match="not a valid DuckDB") as caught:
        DuckDBConnections(file, timeout_s=60).for_reading()
    assert "MLP_DUCKDB_PATH" in caught.value.hint


def test_times_are_shown_in_utc(file: Path) -> None:
    connections = DuckDBConnections(file, timeout_s=0)
    shown = connections.for_writing().execute("SELECT current_setting('TimeZone')").fetchall()
    connections.close()
    assert shown == [("UTC",)]
