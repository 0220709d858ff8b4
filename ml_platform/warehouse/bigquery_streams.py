"""Rows of a table through the Storage Read API: several streams at once, in bounded memory.

A stream that breaks is taken up again at the row where it broke; a session is one state of the
table, so no row is read twice or missed.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.reader import ReadRowsStream
    from google.cloud.bigquery_storage_v1.types import ReadSession

# One wait before each further try of a stream that did not move; a row received starts it anew.
RESUME_DELAYS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_BATCHES_WAITING_PER_STREAM: Final = 2
_POLL_S: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRequest:
    """What to read: `table` is the full path `projects/…/datasets/…/tables/…`.

    No `columns` are all columns. One stream keeps the order of a sorted result.
    """

    table: str
    max_streams: int
    columns: tuple[str, ...] = ()
    restriction: str = ""
    at: datetime | None = None


def open_session(client: "BigQueryReadClient", request: ReadRequest) -> "ReadSession":
    """Fix the state of the table and share its rows out among streams."""
    from google.cloud.bigquery_storage_v1 import types

    session = types.ReadSession(
        table=request.table,
        data_format=types.DataFormat.ARROW,
        read_options=types.ReadSession.TableReadOptions(
            selected_fields=list(request.columns), row_restriction=request.restriction
        ),
    )
    if request.at is not None:
        session.table_modifiers = types.ReadSession.TableModifiers(snapshot_time=request.at)
    return client.create_read_session(
        parent=request.table.partition("/datasets/")[0],
        read_session=session,
        max_stream_count=request.max_streams,
    )


def session_schema(session: "ReadSession") -> "pa.Schema":
    """The columns of a session's rows, in the table's order."""
    import pyarrow as pa

    return pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))


def read_session(
    client: "BigQueryReadClient",
    session: "ReadSession",
    *,
    columns: tuple[str, ...] = (),
    sleep: Callable[[float], None] | None = None,
) -> Generator["pa.RecordBatch", None, None]:
    """All rows of a session, in no order. Closing the generator ends the reading at once.

    Args:
        client: The Storage Read client.
        session: From `open_session`.
        columns: The order of the columns; without it, the table's order.
        sleep: Waits before a broken stream is tried again; by default closing ends the wait.

    Raises:
        GoogleAPICallError: a stream failed, or broke more often than `RESUME_DELAYS_S` allows.
    """
    import pyarrow as pa

    if not session.streams:  # no rows: the service opens no stream
        return
    schema = session_schema(session)
    order = list(columns or schema.names)
    waiting: queue.Queue[pa.RecordBatch | Exception | None] = queue.Queue(
        maxsize=_BATCHES_WAITING_PER_STREAM * len(session.streams)
    )
    reading = _Reading(sleep)

    def put(item: "pa.RecordBatch | Exception | None") -> None:
        while not reading.stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=_POLL_S)
                return

    def work(name: str) -> None:
        try:
            for data in _messages(client, name, reading):
                put(pa.ipc.read_record_batch(pa.py_buffer(data), schema).select(order))
        except Exception as error:  # the boundary of the thread: the reader raises it
            put(error)
        else:
            put(None)

    threads = [
        threading.Thread(target=work, args=(stream.name,), name="bigquery-read", daemon=True)
        for stream in session.streams
    ]
    for thread in threads:
        thread.start()
    try:
        unfinished = len(threads)
        while unfinished:
            item = waiting.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                unfinished -= 1
            else:
                yield item
    finally:
        reading.stop()
        for thread in threads:
            thread.join(timeout=5)


class _Reading:
    """The calls of one session, which end together.

    Args:
        sleep: Waits; None waits until the calls are ended, at most.
    """

    def __init__(self, sleep: Callable[[float], None] | None) -> None:
        self.stopped = threading.Event()
        self.sleep = sleep or self.stopped.wait
        self._calls: list[ReadRowsStream] = []

    def began(self, call: "ReadRowsStream") -> None:
        """Remember a call; one that begins after the end is ended."""
        self._calls.append(call)
        if self.stopped.is_set():
            call.cancel()

    def stop(self) -> None:
        """End all calls, also those that wait for a server which sends nothing."""
        self.stopped.set()
        for call in self._calls:
            call.cancel()


def _messages(client: "BigQueryReadClient", name: str, reading: _Reading) -> Iterator[bytes]:
    """The serialised record batches of one stream, each row once however often it breaks."""
    from google.api_core.exceptions import ServiceUnavailable

    offset, tries = 0, 0
    while not reading.stopped.is_set():
        try:
            # Google's own retry repeats a stream that never moves for a day, so it is off here;
            # the iterator still resumes by itself after a break between two messages.
            call = client.read_rows(name, offset, retry=None)
            reading.began(call)
            for message in call:
                offset += message.row_count
                tries = 0
                yield message.arrow_record_batch.serialized_record_batch
        except ServiceUnavailable:
            if tries == len(RESUME_DELAYS_S):
                raise
            reading.sleep(RESUME_DELAYS_S[tries])
            tries += 1
        else:
            return
