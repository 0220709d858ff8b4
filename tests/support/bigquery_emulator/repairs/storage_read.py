"""The Storage Read API: rows as they were at a time."""

# mypy: disable-error-code="import-not-found"

import contextvars
from typing import Any

from local_bigquery.grpc import read as storage_read
from local_bigquery.grpc import server as storage_server
from sqlglot import exp

_snapshot: contextvars.ContextVar[Any] = contextvars.ContextVar("snapshot", default=None)


def read_the_past() -> None:
    """The Storage Read API ignores `table_modifiers.snapshot_time`."""
    translate = storage_read.translate

    def create_session(request: Any) -> Any:
        token = _snapshot.set(request.read_session.table_modifiers.snapshot_time)
        try:
            return storage_read.create_session(request)
        finally:
            _snapshot.reset(token)

    def translate_at(tree: Any, context: Any) -> Any:
        if at := _snapshot.get():
            for table in tree.find_all(exp.Table):
                moment = exp.cast(exp.Literal.string(at.isoformat()), "TIMESTAMPTZ")
                table.set("version", exp.Version(this="TIMESTAMP", kind="AS OF", expression=moment))
        return translate(tree, context)

    storage_read.translate = translate_at
    service = storage_server.SERVICES["google.cloud.bigquery.storage.v1.BigQueryRead"]
    types = storage_server.types
    service["CreateReadSession"] = storage_server._unary(
        create_session, types.CreateReadSessionRequest, types.ReadSession
    )
