"""What DuckDB alone does: a lock between processes, and snapshots that are transactions."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa  # noqa: TID253
import pytest

from ml_platform.errors import WarehouseError
from ml_platform.warehouse.duckdb import BATCH_ROWS, DuckDBWarehouse
from ml_platform.warehouse.interface import TableRef, Warehouse

pytestmark = pytest.mark.integration

TABLE = TableRef("ml", "days")
HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("holding", flush=True)
sys.stdin.readline()
"""

# What a step does whose writer fails: the error is kept by whoever reports it, and with it the
# frames that hold the stream; then the next step of the process opens the same file.
FAIL_AND_OPEN_AGAIN = """
import sys
from pathlib import Path
from ml_platform.warehouse.duckdb import DuckDBWarehouse
from ml_platform.warehouse.interface import TableRef

def read(pinned):
    with DuckDBWarehouse(Path(sys.argv[1])) as warehouse:
        table = TableRef("ml", "days")
        stream = warehouse.read(
            table, partition_column="day", partitions=["2013-03-01"], columns=["x"],
            snapshot=warehouse.pin(table) if pinned else None,
        )
        never_begun = warehouse.read(
            table, partition_column="day", partitions=["2013-03-01"], columns=["x"]
        )
        for batch in stream:
            raise ValueError("the writer fails")

kept = []
for pinned in (True, False):
    try:
        read(pinned)
    except ValueError as error:
        kept.append(error)
with DuckDBWarehouse(Path(sys.argv[1])) as warehouse:
    warehouse.run("DELETE FROM ml.days")
print("opened again")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A warehouse with two rows of one day."""
    path = tmp_path / "warehouse.duckdb"
    with DuckDBWarehouse(path) as warehouse:
        warehouse.run("CREATE SCHEMA ml")
        warehouse.run(
            "CREATE TABLE ml.days AS SELECT DATE '2013-03-01' AS day, x FROM (VALUES (1), (2)) v(x)"
        )
    return path


@pytest.fixture
def reader(file: Path) -> Iterator[subprocess.Popen[str]]:
    yield from _hold(file, "read")


@pytest.fixture
def writer(file: Path) -> Iterator[subprocess.Popen[str]]:
    yield from _hold(file, "write")


def _hold(file: Path, mode: str) -> Iterator[subprocess.Popen[str]]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder
        holder.kill()


def xs(warehouse: Warehouse, **options: object) -> list[int]:
    batches = warehouse.read(
        TABLE,
        partition_column="day",
        partitions=["2013-03-01"],
        columns=["x"],
        order_by=["x"],
        **options,  # type: ignore[arg-type]
    )
    return [x for batch in batches for x in batch.column("x").to_pylist()]


def test_two_processes_read_at_once(file: Path, reader: subprocess.Popen[str]) -> None:
    with DuckDBWarehouse(file, connect_timeout_s=0) as warehouse:
        assert xs(warehouse) == [1, 2]


def test_an_error_names_the_process_that_holds_the_file(
    file: Path, writer: subprocess.Popen[str]
) -> None:
    with (
        DuckDBWarehouse(file, connect_timeout_s=0) as warehouse,
        pytest.raises(WarehouseError, match=f"process {writer.pid} holds it") as caught,
    ):
        warehouse.describe(TABLE)
    assert f"wait for process {writer.pid} or stop it" in caught.value.hint


def test_a_writer_waits_until_the_other_process_lets_go(
    file: Path, reader: subprocess.Popen[str]
) -> None:
    def let_go(_: float) -> None:
        reader.communicate("\n", timeout=30)

    with DuckDBWarehouse(file, connect_timeout_s=60, sleep=let_go) as warehouse:
        warehouse.run("INSERT INTO ml.days VALUES (DATE '2013-03-01', 3)")
        assert xs(warehouse) == [1, 2, 3]


def test_reading_does_not_keep_another_process_from_reading(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        warehouse.run("SELECT count(*) FROM ml.days")
        other = subprocess.run(
            [sys.executable, "-c", HOLD, str(file), "read"], input="\n", text=True, check=False
        )
    assert other.returncode == 0


def test_equal_content_has_an_equal_token(file: Path, tmp_path: Path) -> None:
    with DuckDBWarehouse(file) as first:
        token = first.pin(TABLE).token
    with DuckDBWarehouse(file) as second:
        assert second.pin(TABLE).token == token
        second.run("UPDATE ml.days SET x = 3 WHERE x = 2")
        assert second.pin(TABLE).token != token


def test_a_snapshot_does_not_see_what_this_process_writes_later(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        warehouse.run("CREATE TABLE ml.other (x INT)")
        snapshot = warehouse.pin(TABLE)
        warehouse.run("DELETE FROM ml.days WHERE x = 1")
        assert (xs(warehouse, snapshot=snapshot), xs(warehouse)) == ([1, 2], [2])


def test_a_snapshot_ends_with_the_object_that_pinned_it(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        snapshot = warehouse.pin(TABLE)
    with (
        DuckDBWarehouse(file) as another,
        pytest.raises(WarehouseError, match="has expired") as caught,
    ):
        xs(another, snapshot=snapshot)
    assert "one open warehouse" in caught.value.hint


def test_two_streams_of_one_snapshot_may_be_read_in_turns(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        snapshot = warehouse.pin(TABLE)
        streams = [
            warehouse.read(
                TABLE,
                partition_column="day",
                partitions=["2013-03-01"],
                columns=["x"],
                snapshot=snapshot,
            )
            for _ in range(2)
        ]
        assert [next(stream).num_rows for stream in streams] == [2, 2]


def test_a_file_is_opened_again_after_a_read_that_failed_half_way(file: Path) -> None:
    # DuckDB 2.0 spins in the second connection, deaf to signals, if the reader outlives the first.
    ran = subprocess.run(
        [sys.executable, "-c", FAIL_AND_OPEN_AGAIN, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("opened again\n", "")


def test_writing_ends_a_stream_that_is_being_read(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        stream = warehouse.read(
            TABLE, partition_column="day", partitions=["2013-03-01"], columns=["x"]
        )
        warehouse.run("INSERT INTO ml.days VALUES (DATE '2013-03-01', 3)")
        with pytest.raises(WarehouseError, match="or written, before all rows were read"):
            next(stream)


def test_an_error_in_the_middle_of_a_stream_is_the_warehouses(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        warehouse.run(
            "CREATE OR REPLACE VIEW ml.broken AS SELECT DATE '2013-03-01' AS day, "
            "CASE WHEN range = 200000 THEN error('a bad row') ELSE 'x' END AS x FROM range(300000)"
        )
        stream = warehouse.read(
            TableRef("ml", "broken"),
            partition_column="day",
            partitions=["2013-03-01"],
            columns=["x"],
        )
        with pytest.raises(WarehouseError, match=r"could not read ml\.broken: .*a bad row"):
            list(stream)


def test_rows_are_streamed_in_batches(file: Path) -> None:
    rows = 5 * BATCH_ROWS
    with DuckDBWarehouse(file) as warehouse:
        warehouse.run(
            "CREATE OR REPLACE TABLE ml.days AS SELECT DATE '2013-03-01' AS day, range AS x "
            f"FROM range({rows})"
        )
        batches = warehouse.read(
            TABLE, partition_column="day", partitions=["2013-03-01"], columns=["x"]
        )
        sizes = [batch.num_rows for batch in batches]
    assert sum(sizes) == rows
    assert max(sizes) <= BATCH_ROWS


def test_a_load_that_fails_half_way_leaves_the_old_table(file: Path) -> None:
    schema = pa.schema([("day", pa.date32()), ("x", pa.int64())])

    def broken() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([[None], [7]], schema=schema)
        raise OSError("the disk is gone")

    with DuckDBWarehouse(file) as warehouse:
        with pytest.raises(WarehouseError, match="the disk is gone"):
            warehouse.load(TABLE, pa.RecordBatchReader.from_batches(schema, broken()))
        assert xs(warehouse) == [1, 2]


def test_a_plain_timestamp_is_given_out_as_utc(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        found = warehouse.run("SELECT TIMESTAMP '2013-03-01 10:00' AS t")
    assert found.schema.field("t").type == pa.timestamp("us", "UTC")
    assert found["t"][0].as_py().isoformat() == "2013-03-01T10:00:00+00:00"


def test_a_killed_writer_leaves_the_last_complete_state(file: Path) -> None:
    crash = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('BEGIN');"
        "c.execute('DELETE FROM ml.days'); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", crash, str(file)], check=False)
    with DuckDBWarehouse(file) as warehouse:
        assert (died.returncode, xs(warehouse)) == (-9, [1, 2])
