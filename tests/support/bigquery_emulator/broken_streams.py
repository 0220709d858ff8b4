"""The Storage Read API over one Arrow table, with streams that break when a test says so.

It speaks the real protocol (gRPC, plaintext), and keeps what it was asked for. Restrictions and
times are kept, not applied: the emulator is there for those.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

_SERVICE: Final = "google.cloud.bigquery.storage.v1.BigQueryRead"


@dataclass(kw_only=True, slots=True)
class BrokenStreams:
    """What is served, what breaks, and what was asked.

    Args:
        rows: The table; every session reads all of it.
        streams: How many streams a session gets.
        batch_rows: Rows of one message.
        breaks: How often the stream breaks (UNAVAILABLE) before it sends the message, by
            `(stream, message)`.
        silent_after: After how many messages a stream sends nothing more, and does not end.
    """

    rows: "pa.Table"
    streams: int = 4
    batch_rows: int = 100
    breaks: Mapping[tuple[int, int], int] = field(default_factory=dict)
    silent_after: int | None = None
    sessions: list[Any] = field(default_factory=list)
    reads: list[tuple[int, int]] = field(default_factory=list)
    messages_sent: int = 0
    _broken: Counter[tuple[int, int]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create_session(self, request: Any, context: Any) -> Any:
        """One state of the table, its rows shared out among the streams."""
        from google.cloud.bigquery_storage_v1 import types

        self.sessions.append(request)
        count = min(self.streams, request.max_stream_count) if self.rows.num_rows else 0
        name = f"{request.parent}/locations/us/sessions/{len(self.sessions)}"
        return types.ReadSession(
            name=name,
            table=request.read_session.table,
            data_format=types.DataFormat.ARROW,
            arrow_schema=types.ArrowSchema(
                serialized_schema=self.rows.schema.serialize().to_pybytes()
            ),
            streams=[
                types.ReadStream(name=f"{name}/streams/{index}-of-{count}")
                for index in range(count)
            ],
        )

    def read_rows(self, request: Any, context: Any) -> Iterator[Any]:
        """The messages of a stream from an offset on."""
        import grpc
        from google.cloud.bigquery_storage_v1 import types

        index, count = map(int, request.read_stream.rpartition("/")[2].split("-of-"))
        with self._lock:
            self.reads.append((index, request.offset))
        share = -(-self.rows.num_rows // count)
        position = 0
        batches = self.rows.slice(index * share, share).to_batches(max_chunksize=self.batch_rows)
        for number, batch in enumerate(batches):
            if request.offset < position + batch.num_rows:
                if number == self.silent_after:
                    _wait_until_given_up(context)
                    return
                if self._breaks_now((index, number)):
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the stream broke")
                rest = batch.slice(max(0, request.offset - position))
                yield types.ReadRowsResponse(
                    row_count=rest.num_rows,
                    arrow_record_batch=types.ArrowRecordBatch(
                        serialized_record_batch=rest.serialize().to_pybytes()
                    ),
                )
                with self._lock:
                    self.messages_sent += 1
            position += batch.num_rows

    def _breaks_now(self, place: tuple[int, int]) -> bool:
        with self._lock:
            self._broken[place] += 1
            return self._broken[place] <= self.breaks.get(place, 0)


def _wait_until_given_up(context: Any) -> None:
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait()


@contextmanager
def serving(double: BrokenStreams) -> Iterator[str]:
    """Serve on this machine; gives `host:port`."""
    import grpc
    from google.cloud.bigquery_storage_v1 import types

    handlers = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            double.create_session,
            types.CreateReadSessionRequest.deserialize,
            types.ReadSession.serialize,
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(
            double.read_rows,
            types.ReadRowsRequest.deserialize,
            types.ReadRowsResponse.serialize,
        ),
    }
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
