"""Reading through the Storage Read API: parallel, resumed where it broke, bounded in memory."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ml_platform.settings import Settings
from ml_platform.warehouse import bigquery_clients
from ml_platform.warehouse.bigquery_streams import (
    RESUME_DELAYS_S,
    ReadRequest,
    open_session,
    read_session,
)
from tests.support.bigquery_emulator.broken_streams import BrokenStreams, serving

REQUEST = ReadRequest(
    table="projects/p/datasets/d/tables/t",
    columns=("id", "day"),
    restriction="`day` >= DATE '2013-03-01'",
    at=datetime(2013, 3, 2, tzinfo=UTC),
    max_streams=4,
)


@contextmanager
def client_of(double: BrokenStreams, home: Path) -> Iterator[Any]:
    with serving(double) as address:
        client = bigquery_clients.storage_client(
            Settings(bigquery_storage_endpoint=address, home=home)
        )
        try:
            yield client
        finally:
            client.transport.close()


def never(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s, and nothing was broken")


def table_of(rows: int) -> Any:
    import pyarrow as pa

    return pa.table({"day": pa.array(["2013-03-01"] * rows), "id": pa.array(range(rows))})


def ids_read(client: Any, sleeps: list[float]) -> list[int]:
    session = open_session(client, REQUEST)
    batches = read_session(client, session, columns=REQUEST.columns, sleep=sleeps.append)
    return sorted(value for batch in batches for value in batch["id"].to_pylist())


def test_all_streams_together_give_every_row_once(tmp_path: Path) -> None:
    double = BrokenStreams(rows=table_of(4_000))
    with client_of(double, tmp_path) as client:
        assert ids_read(client, []) == list(range(4_000))
    assert sorted(double.reads) == [(0, 0), (1, 0), (2, 0), (3, 0)]


def test_columns_days_and_the_time_are_selected_by_the_server(tmp_path: Path) -> None:
    double = BrokenStreams(rows=table_of(10))
    with client_of(double, tmp_path) as client:
        ids_read(client, [])
    asked = double.sessions[0].read_session
    assert list(asked.read_options.selected_fields) == ["id", "day"]
    assert asked.read_options.row_restriction == "`day` >= DATE '2013-03-01'"
    assert asked.table_modifiers.snapshot_time == REQUEST.at


def test_columns_come_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    with client_of(BrokenStreams(rows=table_of(10)), tmp_path) as client:
        session = open_session(client, REQUEST)
        batches = read_session(client, session, columns=REQUEST.columns, sleep=never)
        assert next(batches).schema.names == ["id", "day"]
        batches.close()


def test_a_stream_that_breaks_in_the_middle_goes_on_at_the_next_row(tmp_path: Path) -> None:
    double = BrokenStreams(rows=table_of(4_000), breaks={(2, 5): 1})
    with client_of(double, tmp_path) as client:
        assert ids_read(client, []) == list(range(4_000))
    assert (2, 500) in double.reads


def test_a_stream_that_does_not_come_back_at_once_is_waited_for(tmp_path: Path) -> None:
    double = BrokenStreams(rows=table_of(4_000), breaks={(2, 5): 3})
    sleeps: list[float] = []
    with client_of(double, tmp_path) as client:
        assert ids_read(client, sleeps) == list(range(4_000))
    assert sleeps == list(RESUME_DELAYS_S[: len(sleeps)])
    assert sleeps


def test_a_stream_that_never_comes_back_is_given_up(tmp_path: Path) -> None:
    from google.api_core.exceptions import ServiceUnavailable

    double = BrokenStreams(rows=table_of(4_000), breaks={(2, 5): 1_000})
    sleeps: list[float] = []
    with (
        client_of(double, tmp_path) as client,
        pytest.raises(ServiceUnavailable, match="the stream broke"),
    ):
        ids_read(client, sleeps)
    assert sleeps == list(RESUME_DELAYS_S)


def test_no_rows_mean_no_batches(tmp_path: Path) -> None:
    with client_of(BrokenStreams(rows=table_of(0)), tmp_path) as client:
        assert ids_read(client, []) == []


def test_a_reader_that_stops_early_does_not_pull_the_rest(tmp_path: Path) -> None:
    import pyarrow as pa

    wide = pa.table({"day": ["x" * 1_000] * 100_000, "id": range(100_000)})
    double = BrokenStreams(rows=wide, streams=1, batch_rows=1_000)
    with client_of(double, tmp_path) as client:
        session = open_session(client, REQUEST)
        batches = read_session(client, session, columns=REQUEST.columns, sleep=never)
        next(batches)
        batches.close()
        assert double.messages_sent < 50
        assert "bigquery-read" not in {thread.name for thread in threading.enumerate()}


def test_a_reader_that_stops_does_not_wait_for_a_server_that_sends_nothing(tmp_path: Path) -> None:
    double = BrokenStreams(rows=table_of(4_000), silent_after=1)
    with client_of(double, tmp_path) as client:
        batches = read_session(client, open_session(client, REQUEST), columns=REQUEST.columns)
        next(batches)
        began = time.monotonic()
        batches.close()
        assert time.monotonic() - began < 3
        assert "bigquery-read" not in {thread.name for thread in threading.enumerate()}


def test_a_reader_that_stops_does_not_wait_for_the_next_try_of_a_broken_stream(
    tmp_path: Path,
) -> None:
    double = BrokenStreams(rows=table_of(4_000), breaks={(0, 5): 1_000})
    with client_of(double, tmp_path) as client:
        batches = read_session(client, open_session(client, REQUEST), columns=REQUEST.columns)
        for _ in range(3 * 10 + 5):  # three streams to their ends, and the fourth as far as it goes
            next(batches)
        began = time.monotonic()
        batches.close()
        assert time.monotonic() - began < 3
        assert "bigquery-read" not in {thread.name for thread in threading.enumerate()}
