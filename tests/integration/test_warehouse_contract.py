"""What every warehouse promises, asked of each engine: nothing above it may tell them apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa  # noqa: TID253
import pyarrow.parquet as pq  # noqa: TID253
import pytest

from ml_platform.errors import WarehouseError
from ml_platform.settings import Settings
from ml_platform.warehouse.interface import Column, RowCount, Snapshot, TableRef, Warehouse
from ml_platform.warehouse.open import open_warehouse
from tests.support.bigquery_emulator.launcher import Emulator

pytest_plugins = ["tests.support.bigquery_emulator.fixtures"]
pytestmark = pytest.mark.integration

DAYS = ["2013-03-01", "2013-03-02", "2013-03-03"]
DEPARTED = datetime(2013, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
ROWS = pa.table(
    {
        "day": pa.array([date.fromisoformat(DAYS[n % 3]) for n in range(30)], pa.date32()),
        "id": pa.array(range(30), pa.int64()),
        "carrier": pa.array([f"C{n % 7}" for n in range(30)], pa.string()),
        "delay": pa.array([None if n == 4 else n / 2 for n in range(30)], pa.float64()),
        "is_late": pa.array([n > 20 for n in range(30)], pa.bool_()),
        "departed_at": pa.array([DEPARTED] * 30, pa.timestamp("us", "UTC")),
    }
)
DESCRIPTIONS = {"delay": "Minutes late at arrival; it's negative when early.", "id": "The flight."}


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A warehouse, and where it can export to: `uri`, which is `folder` on this machine."""

    warehouse: Warehouse
    uri: str
    folder: Path


@pytest.fixture(params=["duckdb", "bigquery"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    make = {"duckdb": _duckdb, "bigquery": _bigquery}[request.param]
    engine = make(request, tmp_path)
    yield engine
    engine.warehouse.close()


def _duckdb(request: pytest.FixtureRequest, home: Path) -> Engine:
    folder = home / "exported #1 100%41"
    return Engine(warehouse=open_warehouse(Settings(home=home)), uri=folder.as_uri(), folder=folder)


def _bigquery(request: pytest.FixtureRequest, home: Path) -> Engine:
    emulator: Emulator = request.getfixturevalue("bigquery_emulator")
    settings = emulator.settings(home, project="contract")
    bucket = f"bucket/{home.name}"
    return Engine(
        warehouse=open_warehouse(settings),
        uri=f"gs://{bucket}",
        folder=emulator.buckets / bucket,
    )


@pytest.fixture
def warehouse(engine: Engine) -> Warehouse:
    return engine.warehouse


@pytest.fixture
def flights(warehouse: Warehouse, request: pytest.FixtureRequest) -> TableRef:
    """Thirty flights of three days, in a schema of the test's own."""
    table = TableRef(request.node.originalname[-50:], "flights")
    assert warehouse.load(table, ROWS.to_reader(), descriptions=DESCRIPTIONS) == 30
    return table


def read(
    warehouse: Warehouse,
    table: TableRef,
    *,
    partitions: list[str] = DAYS,
    columns: tuple[str, ...] = ("id",),
    order_by: tuple[str, ...] = (),
    snapshot: Snapshot | None = None,
) -> pa.Table:
    batches = list(
        warehouse.read(
            table,
            partition_column="day",
            partitions=partitions,
            columns=columns,
            order_by=order_by,
            snapshot=snapshot,
        )
    )
    return pa.Table.from_batches(batches)


def ids(table: pa.Table) -> list[Any]:
    return sorted(table["id"].to_pylist())


def test_a_schema_names_its_tables_and_views(warehouse: Warehouse, flights: TableRef) -> None:
    warehouse.run(f"CREATE VIEW {flights.schema}.late AS SELECT id FROM {flights}")
    assert warehouse.names(flights.schema) == {"flights", "late"}
    assert warehouse.names("no_such_schema") == frozenset()


def test_a_table_says_its_columns_in_arrows_words(warehouse: Warehouse, flights: TableRef) -> None:
    assert warehouse.describe(flights).columns == (
        Column(name="day", type="date32[day]"),
        Column(name="id", type="int64", description=DESCRIPTIONS["id"]),
        Column(name="carrier", type="string"),
        Column(name="delay", type="double", description=DESCRIPTIONS["delay"]),
        Column(name="is_late", type="bool"),
        Column(name="departed_at", type="timestamp[us, tz=UTC]"),
    )


def test_a_table_says_how_many_rows_each_day_has(warehouse: Warehouse, flights: TableRef) -> None:
    described = warehouse.describe(flights, partition_column="day")
    assert described.rows == 30
    assert described.partition_column == "day"
    assert [(found.key, found.rows) for found in described.partitions] == [
        (day, 10) for day in DAYS
    ]


def test_rows_of_many_tables_are_counted_at_once(warehouse: Warehouse, flights: TableRef) -> None:
    lost, copy = (TableRef(flights.schema, name) for name in ("lost", "copy"))
    warehouse.clone(flights, copy)
    counted = warehouse.count_rows({flights: "Day", copy: "", lost: "day"}, DAYS[1:])
    assert counted == {
        flights: RowCount(rows=30, by_day={DAYS[1]: 10, DAYS[2]: 10}),
        copy: RowCount(rows=30, by_day=None),
    }


def test_without_a_partition_column_a_plain_table_has_no_partitions(
    warehouse: Warehouse, flights: TableRef
) -> None:
    assert warehouse.describe(flights).partitions == ()


def test_a_load_replaces_the_table_and_its_columns(warehouse: Warehouse, flights: TableRef) -> None:
    assert warehouse.load(flights, pa.table({"other": [1, 2]}).to_reader()) == 2
    described = warehouse.describe(flights)
    assert (described.rows, [column.name for column in described.columns]) == (2, ["other"])


def test_a_load_of_no_rows_leaves_an_empty_table(warehouse: Warehouse, flights: TableRef) -> None:
    assert warehouse.load(flights, ROWS.slice(0, 0).to_reader()) == 0
    assert warehouse.describe(flights, partition_column="day").partitions == ()


def test_rows_come_back_with_their_values_and_types(
    warehouse: Warehouse, flights: TableRef
) -> None:
    whole = read(warehouse, flights, columns=tuple(ROWS.column_names), order_by=("id",))
    assert whole.schema.types == ROWS.schema.types
    assert whole.to_pylist() == ROWS.to_pylist()


def test_only_the_days_that_were_asked_for_are_read(
    warehouse: Warehouse, flights: TableRef
) -> None:
    chosen = read(warehouse, flights, partitions=["2013-03-03", "2013-03-01"])
    assert ids(chosen) == [n for n in range(30) if n % 3 != 1]


def test_days_may_be_those_of_a_moment(warehouse: Warehouse, flights: TableRef) -> None:
    def found(day: str, **options: Any) -> int:
        batches = warehouse.read(
            flights, partition_column="departed_at", partitions=[day], columns=["id"], **options
        )
        return sum(batch.num_rows for batch in batches)

    assert [found(day) for day in DAYS] == [30, 0, 0]
    assert [found(day, order_by=["id"]) for day in DAYS] == [30, 0, 0]


def test_columns_come_in_the_order_that_was_asked_for(
    warehouse: Warehouse, flights: TableRef
) -> None:
    assert read(warehouse, flights, columns=("delay", "id")).column_names == ["delay", "id"]


def test_rows_are_sorted_when_that_is_asked_for(warehouse: Warehouse, flights: TableRef) -> None:
    sorted_rows = read(warehouse, flights, columns=("carrier", "id"), order_by=("carrier", "id"))
    assert sorted_rows["id"].to_pylist()[:6] == [0, 7, 14, 21, 28, 1]


def test_a_day_without_rows_is_empty(warehouse: Warehouse, flights: TableRef) -> None:
    batches = warehouse.read(
        flights, partition_column="day", partitions=["2012-12-31"], columns=["id"]
    )
    assert sum(batch.num_rows for batch in batches) == 0


def test_no_days_are_no_rows(warehouse: Warehouse, flights: TableRef) -> None:
    batches = warehouse.read(flights, partition_column="day", partitions=[], columns=["id"])
    assert list(batches) == []


def test_a_column_that_is_not_there_is_named_with_those_that_are(
    warehouse: Warehouse, flights: TableRef
) -> None:
    with pytest.raises(WarehouseError, match="has no column 'dealy'") as caught:
        read(warehouse, flights, columns=("dealy",))
    assert "delay" in caught.value.hint


def test_a_partition_column_that_is_not_there_is_named(
    warehouse: Warehouse, flights: TableRef
) -> None:
    with pytest.raises(WarehouseError, match="has no column 'dya'"):
        warehouse.describe(flights, partition_column="dya")


@pytest.mark.parametrize("schema", ["nowhere", "test_a_table_that_is_not_there_is_named"])
def test_a_table_that_is_not_there_is_named(
    warehouse: Warehouse, flights: TableRef, schema: str
) -> None:
    with pytest.raises(WarehouseError, match=f"{schema}.fights") as caught:
        warehouse.describe(TableRef(schema, "fights"))
    assert caught.value.hint


def test_a_stream_ends_with_its_warehouse_and_says_that_rows_are_missing(
    warehouse: Warehouse, flights: TableRef
) -> None:
    half, whole = (
        warehouse.read(flights, partition_column="day", partitions=DAYS, columns=["id"])
        for _ in range(2)
    )
    assert sum(batch.num_rows for batch in whole) == 30
    warehouse.close()
    with pytest.raises(WarehouseError, match="the warehouse was closed"):
        next(half)
    assert list(whole) == []


def test_a_snapshot_is_read_as_it_was_pinned(warehouse: Warehouse, flights: TableRef) -> None:
    snapshot = warehouse.pin(flights)
    assert snapshot.table == flights
    assert snapshot.taken_at.utcoffset() is not None
    assert ids(read(warehouse, flights, snapshot=snapshot)) == list(range(30))
    assert ids(read(warehouse, flights, snapshot=snapshot, order_by=("id",))) == list(range(30))


def test_a_snapshot_of_another_table_is_refused(warehouse: Warehouse, flights: TableRef) -> None:
    other = TableRef(flights.schema, "other")
    warehouse.load(other, ROWS.to_reader())
    with pytest.raises(WarehouseError, match="the snapshot is of"):
        read(warehouse, flights, snapshot=warehouse.pin(other))


def test_a_table_that_is_not_there_cannot_be_pinned(
    warehouse: Warehouse, flights: TableRef
) -> None:
    with pytest.raises(WarehouseError, match=f"{flights.schema}.fights"):
        warehouse.pin(TableRef(flights.schema, "fights"))


def test_parameters_are_values_and_never_sql(warehouse: Warehouse, flights: TableRef) -> None:
    found = warehouse.run(
        f"SELECT count(*) AS n FROM {flights} "
        "WHERE id < $most AND delay < $delay AND carrier <> $carrier AND is_late = $late",
        {"most": 10, "delay": 4.0, "carrier": "C1' OR true --", "late": False},
    )
    assert found["n"].to_pylist() == [7]


def test_a_parameter_without_a_value_is_refused(warehouse: Warehouse, flights: TableRef) -> None:
    with pytest.raises(WarehouseError, match="most"):
        warehouse.run(f"SELECT count(*) FROM {flights} WHERE id < $most")


def test_a_result_without_rows_still_has_its_columns(
    warehouse: Warehouse, flights: TableRef
) -> None:
    empty = warehouse.run(f"SELECT id, departed_at FROM {flights} WHERE id < 0")
    assert empty.num_rows == 0
    assert empty.schema.types == [pa.int64(), pa.timestamp("us", "UTC")]


def test_a_statement_that_is_wrong_is_refused_with_the_engines_words(
    warehouse: Warehouse, flights: TableRef
) -> None:
    with pytest.raises(WarehouseError, match="dealy"):
        warehouse.run(f"SELECT dealy FROM {flights}")


def test_fewer_columns_are_fewer_bytes(warehouse: Warehouse, flights: TableRef) -> None:
    wide = warehouse.estimate_scan_bytes(f"SELECT id, delay, departed_at FROM {flights}")
    narrow = warehouse.estimate_scan_bytes(f"SELECT id FROM {flights}")
    assert narrow == 30 * 8
    assert narrow < wide


def test_an_estimate_of_a_wrong_statement_is_refused(
    warehouse: Warehouse, flights: TableRef
) -> None:
    with pytest.raises(WarehouseError, match="dealy"):
        warehouse.estimate_scan_bytes(f"SELECT dealy FROM {flights}")


def test_exported_files_hold_the_rows_of_the_days(engine: Engine, flights: TableRef) -> None:
    uris = engine.warehouse.export(
        flights,
        partition_column="day",
        partitions=DAYS[:2],
        columns=["id", "departed_at"],
        uri=engine.uri,
        snapshot=engine.warehouse.pin(flights),
    )
    files = [engine.folder / uri.removeprefix(engine.uri + "/") for uri in uris]
    exported = pa.concat_tables([pq.read_table(path) for path in files])
    assert exported.column_names == ["id", "departed_at"]
    assert ids(exported) == [n for n in range(30) if n % 3 != 2]
    assert exported["departed_at"][0].as_py() == DEPARTED


def test_a_clone_keeps_rows_and_descriptions(warehouse: Warehouse, flights: TableRef) -> None:
    copy = TableRef(f"{flights.schema}_sandbox", "flights")
    warehouse.clone(flights, copy)
    assert ids(read(warehouse, copy)) == list(range(30))
    assert warehouse.describe(copy).columns == warehouse.describe(flights).columns


def test_a_clone_and_its_source_change_apart(warehouse: Warehouse, flights: TableRef) -> None:
    copy = TableRef(flights.schema, "copy")
    warehouse.clone(flights, copy)
    warehouse.run(f"DELETE FROM {flights} WHERE id < 20")
    assert (warehouse.describe(flights).rows, warehouse.describe(copy).rows) == (10, 30)


def test_a_clone_replaces_what_was_there(warehouse: Warehouse, flights: TableRef) -> None:
    copy = TableRef(flights.schema, "copy")
    warehouse.load(copy, pa.table({"other": [1]}).to_reader())
    warehouse.clone(flights, copy)
    assert warehouse.describe(copy).rows == 30
