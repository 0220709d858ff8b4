"""Snapshots of a table with ordinary columns and ordinary days, read by the real engine."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_platform.training_set import checks
from ml_platform.training_set.columns import column_mistakes
from ml_platform.training_set.manifest import SnapshotManifest, Source
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.training_set.store import SnapshotStore
from ml_platform.warehouse.duckdb import DuckDBWarehouse
from ml_platform.warehouse.interface import TableRef

pytestmark = pytest.mark.integration

TABLE = TableRef("shop", "orders")
SATURDAY, SUNDAY, MONDAY = "2026-10-17", "2026-10-18", "2026-10-19"
NUMBERS = {
    "small": "(i % 200)::utinyint",
    "epoch_s": "1362096000 + i * 60",
    "large": "9007199254740993 + i",
    "total": "sum(i) over ()",
    "huge": "(sum(i * 1000) over ())::hugeint",
    "amount": "(i * 1.25)::decimal(18, 2)",
    "precise": "(i * 1.25)::decimal(38, 9)",
    "is_member": "i % 3 = 0",
    "ratio": "case when i % 3 = 0 then 'nan'::double when i % 3 = 1 then 'inf'::double else i end",
    "unknown": "null",
}
CATEGORIES = {
    "kind": "(case when i % 2 = 0 then 'a' else 'b' end)::enum('a', 'b')",
    "ordered_on": "date '2026-01-01' + (i % 30)::int",
    "customer": "uuid()",
    "shop": "i % 7",
    "is_gift": "i % 2 = 0",
    "city": "case when i % 2 = 0 then null else '東京 🛫' end",
}
SPEC = FeaturesSpec(
    table="orders",
    label="is_returned",
    keys=("order_id",),
    numbers=tuple(NUMBERS),
    categories=tuple(CATEGORIES),
    event_time="ordered_at",
    known_at="known_at",
    empty_days="allowed",
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    """Orders of a Saturday and of a Monday on which nothing is returned; closed on Sunday."""
    columns = ", ".join(f"{said} AS {name}" for name, said in (NUMBERS | CATEGORIES).items())
    days = " UNION ALL ".join(
        f"SELECT {seed} + i AS order_id, DATE '{day}' AS partition_date, "
        f"TIMESTAMP '{day} 10:00:00' AS ordered_at, TIMESTAMP '{day} 09:00:00' AS known_at, "
        f"{returned} AS is_returned, {columns} FROM range(400) t(i)"
        for seed, day, returned in ((0, SATURDAY, "i % 5 = 0"), (400, MONDAY, "false"))
    )
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.run("CREATE SCHEMA shop")
        warehouse.run(f"CREATE TABLE shop.orders AS {days}")
        yield warehouse


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path.as_uri(), "returns")


def write(
    warehouse: DuckDBWarehouse, store: SnapshotStore, day: str, spec: FeaturesSpec = SPEC
) -> SnapshotManifest:
    pinned = warehouse.pin(TABLE)
    batches = warehouse.read(
        TABLE,
        partition_column="partition_date",
        partitions=[day],
        columns=spec.columns,
        order_by=spec.sort_columns,
        snapshot=pinned,
    )
    source = Source(table=str(TABLE), snapshot=pinned.token, taken_at=datetime.now(UTC))
    return store.write(day, batches, spec=spec, source=source).manifest


def test_ordinary_columns_are_no_mistakes_and_become_a_snapshot(
    warehouse: DuckDBWarehouse, store: SnapshotStore
) -> None:
    assert column_mistakes(SPEC, warehouse.describe(TABLE)) == []
    manifest = write(warehouse, store, SATURDAY)
    assert all(one.passed for one in checks.blocking(manifest, SPEC).values())
    assert (manifest.rows, manifest.positives) == (400, 80)
    assert manifest.profile.numbers["epoch_s"].minimum == 1_362_096_000


def test_an_empty_day_and_one_of_one_label_leave_their_window_trainable(
    warehouse: DuckDBWarehouse, store: SnapshotStore
) -> None:
    for day in (SATURDAY, SUNDAY, MONDAY):
        write(warehouse, store, day)
    window = store.load_window([SATURDAY, SUNDAY, MONDAY], SPEC, what="training")
    assert [one.rows for one in window] == [400, 0, 400]


def test_rows_of_equal_keys_have_one_version_however_they_lie(
    warehouse: DuckDBWarehouse, store: SnapshotStore
) -> None:
    by_shop = SPEC.model_copy(update={"keys": ("shop",)})
    first = write(warehouse, store, SATURDAY, by_shop)
    warehouse.run("CREATE OR REPLACE TABLE shop.orders AS FROM shop.orders ORDER BY hash(order_id)")
    assert write(warehouse, store, SATURDAY, by_shop).version == first.version
