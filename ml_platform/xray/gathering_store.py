"""How far X-Ray's gathering has come, and what could not be read, in its database."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, select

from ml_platform.xray.attempt import AttemptRead, AttemptRecord, Unreadable
from ml_platform.xray.database import Database
from ml_platform.xray.rows import UNREADABLE_COLUMNS, put
from ml_platform.xray.schema import GATHERED, UNREADABLE


class GatheringStore:
    """Of one namespace; the days of a journal are those of its storage, whoever's they are.

    Args:
        database: Where it is.
        namespace: Environment and sandbox.
    """

    def __init__(self, database: Database, namespace: str) -> None:
        self._database = database
        self._namespace = namespace

    def newest_day(self, storage_root: str) -> date | None:
        """The newest day of a journal that was gathered whole; None before the first."""
        query = select(GATHERED.c.newest_day).where(GATHERED.c.storage_root == storage_root)
        found = self._rows(query)
        return date.fromisoformat(found[0]["newest_day"]) if found else None

    def note_newest_day(self, storage_root: str, day: date, *, at_s: float) -> None:
        """Note how far a journal was gathered."""
        row = {"storage_root": storage_root, "newest_day": f"{day}", "gathered_at_s": at_s}
        with self._database.writing() as connection:
            put(connection, GATHERED, [row])

    def gathered_at_s(self, storage_root: str) -> float | None:
        """When a journal was gathered whole last, in seconds since 1970; None before the first."""
        query = select(GATHERED.c.gathered_at_s).where(GATHERED.c.storage_root == storage_root)
        found = self._rows(query)
        return found[0]["gathered_at_s"] if found else None

    def unreadable(self, limit: int) -> list[Unreadable]:
        """What could not be read, tried longest ago first."""
        query = (
            select(*UNREADABLE_COLUMNS)
            .where(UNREADABLE.c.namespace == self._namespace)
            .order_by(UNREADABLE.c.tried_at_s, UNREADABLE.c.object_uri)
            .limit(limit)
        )
        return [Unreadable(**row) for row in self._rows(query)]

    def keep_unreadable(
        self, connection: Connection, read: Sequence[AttemptRead], at_s: float
    ) -> tuple[Unreadable, ...]:
        """Note what cannot be read, and forget what now can; returns what is new."""
        query = select(*UNREADABLE_COLUMNS).where(UNREADABLE.c.namespace == self._namespace)
        before = [Unreadable(**row) for row in connection.execute(query).mappings()]
        still = {bad.object_uri: bad for one in read for bad in one.unreadable}
        tried = {(one.attempt.folder_uri, one.attempt.number) for one in read if one.attempt}
        entries = {one.entry_uri for one in read}
        mended = [
            bad.object_uri
            for bad in before
            if bad.object_uri not in still
            and ((bad.folder_uri, bad.number) in tried or bad.object_uri in entries)
        ]
        if mended:
            connection.execute(delete(UNREADABLE).where(UNREADABLE.c.object_uri.in_(mended)))
        rows = [
            asdict(bad) | {"namespace": self._namespace, "tried_at_s": at_s}
            for _, bad in sorted(still.items())
        ]
        put(connection, UNREADABLE, rows)
        known = {bad.object_uri for bad in before}
        return tuple(bad for uri, bad in sorted(still.items()) if uri not in known)

    def forget_unreadable(self, connection: Connection, attempts: Sequence[AttemptRecord]) -> None:
        """Forget what could not be read of attempts that are removed, in that transaction."""
        for one in attempts:  # else it would be tried again, and come back
            mine = (
                UNREADABLE.c.folder_uri == one.folder_uri,
                UNREADABLE.c.number == one.number,
            )
            connection.execute(delete(UNREADABLE).where(*mine))

    def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        with self._database.reading() as connection:
            return connection.execute(query).mappings().all()
