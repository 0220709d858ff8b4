"""BigQuery as the warehouse: the real Google clients against an emulator on this machine."""

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ml_platform.errors import WarehouseError
from ml_platform.settings import Settings
from ml_platform.warehouse.bigquery import BigQueryWarehouse
from ml_platform.warehouse.interface import Snapshot, TableRef, Warehouse
from tests.support.bigquery_emulator.broken_streams import BrokenStreams, serving
from tests.support.bigquery_emulator.launcher import Emulator

pytest_plugins = ["tests.support.bigquery_emulator.fixtures"]
pytestmark = pytest.mark.integration

DAYS = ["2013-03-01", "2013-03-02", "2013-03-03"]


@pytest.fixture
def settings(bigquery_emulator: Emulator, tmp_path: Path) -> Settings:
    return bigquery_emulator.settings(tmp_path, environment="ci", sandbox="ann")


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[BigQueryWarehouse]:
    opened = BigQueryWarehouse(settings)
    yield opened
    opened.close()


@pytest.fixture
def flights(warehouse: BigQueryWarehouse, request: pytest.FixtureRequest) -> TableRef:
    """300 flights of three days, in a table partitioned by day in a dataset of the test's own."""
    dataset = request.node.name.partition("[")[0][-60:]
    warehouse.load(TableRef(dataset, "raw"), rows(300).to_reader())
    warehouse.run(
        f"CREATE TABLE {dataset}.flights PARTITION BY day OPTIONS (description = 'flights') "
        f"AS SELECT * FROM {dataset}.raw"
    )
    return TableRef(dataset, "flights")


def rows(count: int) -> Any:
    import pyarrow as pa

    return pa.table(
        {
            "day": [date.fromisoformat(DAYS[number % 3]) for number in range(count)],
            "id": pa.array(range(count), pa.int64()),
            "carrier": [f"C{number % 7}" for number in range(count)],
            "delay": [number / 2 for number in range(count)],
            "departed_at": pa.array(
                [datetime(2013, 3, 1, 12, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")
            ),
        }
    )


def ids(
    warehouse: Warehouse,
    table: TableRef,
    partitions: list[str],
    *,
    snapshot: Snapshot | None = None,
    order_by: tuple[str, ...] = (),
) -> list[int]:
    batches = warehouse.read(
        table,
        partition_column="day",
        partitions=partitions,
        columns=["carrier", "id"],
        order_by=order_by,
        snapshot=snapshot,
    )
    return [value for batch in batches for value in batch["id"].to_pylist()]


def test_the_tables_own_partitions_say_when_they_changed(
    warehouse: BigQueryWarehouse, flights: TableRef
) -> None:
    described = warehouse.describe(flights)
    assert described.partition_column == "day"
    assert [found.key for found in described.partitions] == DAYS
    assert [found.rows for found in described.partitions] == [100, 100, 100]
    assert all(found.changed_at is not None for found in described.partitions)


def test_days_by_another_column_are_counted(
    warehouse: BigQueryWarehouse, flights: TableRef
) -> None:
    described = warehouse.describe(flights, partition_column="departed_at")
    assert [(found.key, found.rows) for found in described.partitions] == [("2013-03-01", 300)]


def test_a_view_is_described_and_read_but_not_pinned(
    warehouse: BigQueryWarehouse, flights: TableRef
) -> None:
    warehouse.run(f"CREATE VIEW {flights.schema}.late AS SELECT * FROM {flights} WHERE id < 10")
    late = TableRef(flights.schema, "late")
    assert warehouse.describe(late, partition_column="day").rows == 10
    assert ids(warehouse, late, DAYS, order_by=("id",)) == list(range(10))
    with pytest.raises(WarehouseError, match="is a view, which has no rows and no past"):
        warehouse.pin(late)


def test_an_estimate_counts_only_named_columns_and_selected_days(
    warehouse: BigQueryWarehouse, flights: TableRef
) -> None:
    whole = warehouse.estimate_scan_bytes(f"SELECT id, delay FROM {flights}")
    one_day = warehouse.estimate_scan_bytes(
        f"SELECT id, delay FROM {flights} WHERE day = DATE '2013-03-01'"
    )
    assert whole == 300 * (8 + 8)
    assert one_day == 100 * (8 + 8 + 8)  # the partition column is read too


def test_too_many_bytes_are_refused_before_they_are_spent(
    settings: Settings, flights: TableRef
) -> None:
    limited = settings.model_copy(update={"bigquery_maximum_bytes_billed": 1_000})
    with (
        BigQueryWarehouse(limited) as warehouse,
        pytest.raises(WarehouseError, match="would scan 10,485,760 bytes and 1,000 are allowed"),
    ):
        warehouse.run(f"SELECT SUM(delay) FROM {flights}")


def test_a_refused_scan_is_not_tried_again(settings: Settings, flights: TableRef) -> None:
    limited = settings.model_copy(update={"bigquery_maximum_bytes_billed": 1_000})
    statement = f"SELECT SUM(delay) AS tried_once FROM {flights}"
    with BigQueryWarehouse(limited) as warehouse, contextlib.suppress(WarehouseError):
        warehouse.run(statement)
    assert sum(statement in str(job.to_api_repr()) for job in jobs(settings)) == 1


def test_jobs_are_labelled_with_environment_and_sandbox(
    settings: Settings, flights: TableRef
) -> None:
    [load, create] = [job for job in jobs(settings) if flights.schema in str(job.to_api_repr())]
    expected = {"application": "ml_platform", "environment": "ci", "sandbox": "ann"}
    assert (load.labels, create.labels) == (expected, expected)


def test_the_past_is_read_as_it_was(warehouse: BigQueryWarehouse, flights: TableRef) -> None:
    before = warehouse.pin(flights)
    warehouse.run(f"DELETE FROM {flights} WHERE id < 200")
    assert len(ids(warehouse, flights, DAYS)) == 100
    assert len(ids(warehouse, flights, DAYS, snapshot=before)) == 300
    assert ids(warehouse, flights, DAYS, snapshot=before, order_by=("id",)) == list(range(300))


def test_a_past_that_is_gone_says_to_pin_again(
    warehouse: BigQueryWarehouse, flights: TableRef
) -> None:
    pinned = warehouse.pin(flights)
    long_ago = dataclasses.replace(pinned, token=datetime(2001, 1, 1, tzinfo=UTC).isoformat())
    with pytest.raises(WarehouseError) as caught:
        ids(warehouse, flights, DAYS, snapshot=long_ago, order_by=("id",))
    assert "pin the table again" in caught.value.hint


def test_a_large_table_comes_in_several_streams(
    warehouse: BigQueryWarehouse, request: pytest.FixtureRequest
) -> None:
    table = TableRef("several_streams", "raw")
    warehouse.load(table, rows(250_000).to_reader())
    assert sorted(ids(warehouse, table, DAYS)) == list(range(250_000))


def test_a_stream_that_breaks_loses_and_repeats_nothing(
    settings: Settings, flights: TableRef
) -> None:
    double = BrokenStreams(rows=rows(4_000).select(["id", "carrier"]), breaks={(1, 3): 2})
    waited: list[float] = []
    with serving(double) as address:
        broken = settings.model_copy(update={"bigquery_storage_endpoint": address})
        with BigQueryWarehouse(broken, max_streams=3, sleep=waited.append) as warehouse:
            assert sorted(ids(warehouse, flights, DAYS)) == list(range(4_000))
    assert len({stream for stream, _ in double.reads}) == 3
    assert waited


def test_a_stream_that_stays_broken_is_a_warehouse_error(
    settings: Settings, flights: TableRef
) -> None:
    double = BrokenStreams(rows=rows(400).select(["id", "carrier"]), breaks={(0, 0): 1_000})
    with serving(double) as address:
        broken = settings.model_copy(update={"bigquery_storage_endpoint": address})
        with (
            BigQueryWarehouse(broken, sleep=[0.0].append) as warehouse,
            pytest.raises(WarehouseError, match=f"could not read {flights}: the stream broke"),
        ):
            ids(warehouse, flights, DAYS)


def test_a_load_that_fails_leaves_the_old_rows(
    warehouse: BigQueryWarehouse, flights: TableRef
) -> None:
    import pyarrow as pa

    def torn() -> Iterator[Any]:
        yield from rows(10).to_batches()
        raise OSError("the source went away")

    raw = TableRef(flights.schema, "raw")
    with pytest.raises(OSError, match="the source went away"):
        warehouse.load(raw, pa.RecordBatchReader.from_batches(rows(1).schema, torn()))
    assert warehouse.describe(raw).rows == 300


def test_exported_files_hold_the_rows_of_the_day(
    warehouse: BigQueryWarehouse, flights: TableRef, bigquery_emulator: Emulator
) -> None:
    import pyarrow.parquet as pq

    uris = warehouse.export(
        flights,
        partition_column="day",
        partitions=["2013-03-02"],
        columns=["id", "carrier"],
        uri="gs://bucket/exported",
    )
    assert uris == ["gs://bucket/exported/part-000000000000.parquet"]
    written = pq.read_table(bigquery_emulator.buckets / uris[0].removeprefix("gs://"))
    assert sorted(written["id"].to_pylist()) == list(range(1, 300, 3))


def test_an_export_to_a_folder_is_refused(warehouse: BigQueryWarehouse, flights: TableRef) -> None:
    with pytest.raises(WarehouseError, match="it writes to Google Cloud Storage only"):
        warehouse.export(
            flights, partition_column="day", partitions=DAYS, columns=["id"], uri="file:///tmp/x"
        )


def test_an_api_that_does_not_answer_is_given_up_in_time(settings: Settings) -> None:
    away = settings.model_copy(update={"bigquery_api_endpoint": "http://127.0.0.1:9"})
    with (
        BigQueryWarehouse(away, retry_s=0.5) as warehouse,
        pytest.raises(WarehouseError, match="BigQuery does not answer"),
    ):
        warehouse.describe(TableRef("any", "table"))


def jobs(settings: Settings) -> list[Any]:
    """What the server saw, oldest first."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    client = bigquery.Client(
        project=settings.bigquery_project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": settings.bigquery_api_endpoint},
    )
    with contextlib.closing(client):
        listed = sorted(client.list_jobs(all_users=True), key=lambda job: job.created)
        return [client.get_job(job.job_id) for job in listed]
