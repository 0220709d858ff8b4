"""Rows of X-Ray's tables, to and from values; and the two ways in which they are written."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, Text, cast, or_
from sqlalchemy.dialects import postgresql, sqlite

from ml_platform.xray.attempt import AttemptKey, AttemptRecord, Unreadable
from ml_platform.xray.records import Event
from ml_platform.xray.schema import ATTEMPTS, EVENTS, UNREADABLE

_ATTEMPT_NAMES: Final = tuple(one.name for one in fields(AttemptRecord))
_JSON_NAMES: Final = ("spec", "limits", "evidence")
SPEC_TEXT: Final = cast(ATTEMPTS.c.spec, Text)
ATTEMPT_COLUMNS: Final = tuple(
    cast(ATTEMPTS.c[name], Text).label(name) if name in _JSON_NAMES else ATTEMPTS.c[name]
    for name in _ATTEMPT_NAMES
)
"""JSON as text, most of which is the same in many attempts: see `attempts_of`."""
EVENT_COLUMNS: Final = tuple(EVENTS.c[one.name] for one in fields(Event))
UNREADABLE_COLUMNS: Final = tuple(UNREADABLE.c[one.name] for one in fields(Unreadable))


def key_columns(table: Table) -> tuple[Column[Any], ...]:
    """What tells an attempt from all others of its namespace, in a table that is about them."""
    return table.c.training, table.c.partition, table.c.number


def whose(namespace: str, key: AttemptKey) -> dict[str, Any]:
    """The columns by which a row is an attempt's."""
    training, partition, number = key
    return {
        "namespace": namespace,
        "training": training,
        "partition": partition,
        "number": number,
    }


def attempt_row(namespace: str, attempt: AttemptRecord) -> dict[str, Any]:
    """An attempt as a row."""
    return {"namespace": namespace} | storable(asdict(attempt))


def attempts_of(rows: Iterable[Sequence[Any]]) -> list[AttemptRecord]:
    """Attempts out of rows of `ATTEMPT_COLUMNS`; what is equal JSON in them becomes one object.

    To read it anew for each takes half of the time of a list of attempts.
    """
    read: dict[str, Any] = {}
    found = []
    for row in rows:
        known = dict(zip(_ATTEMPT_NAMES, row, strict=True))
        for name in _JSON_NAMES:
            text = known[name]
            if text not in read:
                read[text] = json.loads(text)
            known[name] = read[text]
        known["evidence"] = tuple(known["evidence"])
        found.append(AttemptRecord(**known))
    return found


def event_row(namespace: str, key: AttemptKey, name: str, event: Event) -> dict[str, Any]:
    """An event as a row, by the name of its object."""
    return whose(namespace, key) | {"object_name": name} | storable(asdict(event))


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, in place of those of the same keys; what has ended is never open again."""
    if not rows:
        return
    insert = _insert(connection, table)
    new = {one.name: insert.excluded[one.name] for one in table.c if not one.primary_key}
    later = None
    if table is ATTEMPTS:
        later = or_(table.c.status == "open", insert.excluded.status != "open")
    connection.execute(
        insert.on_conflict_do_update(index_elements=table.primary_key, set_=new, where=later),
        list(rows),
    )


def add(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows whose keys are new, and leave the others as they are."""
    if rows:
        insert = _insert(connection, table)
        connection.execute(
            insert.on_conflict_do_nothing(index_elements=table.primary_key), list(rows)
        )


def storable(value: Any) -> Any:
    """The same without what PostgreSQL takes into no text: NUL, and halves of characters."""
    match value:
        case str():
            return (
                value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
            )
        case Mapping():
            return {storable(name): storable(one) for name, one in value.items()}
        case list() | tuple():
            return [storable(one) for one in value]
    return value


def _insert(connection: Connection, table: Table) -> Any:
    # One statement under two names: SQLAlchemy has none for both.
    of_dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return of_dialect.insert(table)
