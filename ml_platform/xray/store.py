"""What X-Ray has gathered, in its database: attempts and their events.

All of it is copied from object storage, and written so that doing it twice, or by two at once, is
doing it once.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, bindparam, delete, func, or_, select

from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptKey, AttemptRead, AttemptRecord, Unreadable
from ml_platform.xray.attempt_queries import ended_since, models_query
from ml_platform.xray.curve_store import CurveStore
from ml_platform.xray.database import Database, open_database
from ml_platform.xray.gathering_store import GatheringStore
from ml_platform.xray.paid_store import PaidStore
from ml_platform.xray.records import Event
from ml_platform.xray.rows import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    add,
    attempt_row,
    attempts_of,
    event_row,
    key_columns,
    put,
)
from ml_platform.xray.sample_store import SampleStore
from ml_platform.xray.samples import Samples
from ml_platform.xray.schema import (
    ATTEMPTS,
    CURVES,
    EVENTS,
    NODE_USE,
    SAMPLE_OBJECTS,
    SAMPLED,
    STEP_TIMES,
)

_KEY: Final = key_columns(ATTEMPTS)
_NEWEST_FIRST: Final = (ATTEMPTS.c.claimed_at_s.desc(), *_KEY)

READ_AGAIN_S: Final = 3 * 86_400.0
"""The last days of the journal are read each time, see `gather`."""
_OPEN: Final = ATTEMPTS.c.status == "open"
OF_ATTEMPTS: Final = (EVENTS, STEP_TIMES, NODE_USE, SAMPLE_OBJECTS, SAMPLED, CURVES, ATTEMPTS)
"""What is about one attempt, and the attempt last."""


@contextmanager
def open_store(settings: Settings) -> "Iterator[Store]":
    """The store that the settings name.

    Raises:
        XrayError: its database cannot be opened.
    """
    database = open_database(settings.xray_database)
    try:
        yield Store(database, settings.namespace)
    finally:
        database.close()


class Store:
    """The attempts of one namespace.

    Everything that asks or writes raises `XrayError` when the database fails.

    Args:
        database: Where they are.
        namespace: Environment and sandbox.

    Attributes:
        sample_store: What was measured while they ran.
        curves: What they reported of their epochs.
        paid: For how long their clusters were paid for.
        gathering: How far the journal was gathered, and what could not be read.
    """

    def __init__(self, database: Database, namespace: str) -> None:
        self._database = database
        self._namespace = namespace
        self._ours = ATTEMPTS.c.namespace == namespace
        self.sample_store = SampleStore(database, namespace)
        self.curves = CurveStore(database, namespace)
        self.paid = PaidStore(database, namespace)
        self.gathering = GatheringStore(database, namespace)

    def keep(self, read: Sequence[AttemptRead], *, at_s: float) -> tuple[Unreadable, ...]:
        """Keep what was read; returns of what cannot be read that of which this is the first word.

        What was read of an attempt before its end never replaces its end.
        """
        # In one order, so that no two wait for each other.
        found = sorted(
            ((one.attempt, one.events) for one in read if one.attempt),
            key=lambda pair: pair[0].key,
        )
        events = [
            event_row(self._namespace, attempt.key, name, event)
            for attempt, events in found
            for name, event in sorted(events.items())
        ]
        with self._database.writing() as connection:
            put(connection, ATTEMPTS, [attempt_row(self._namespace, one) for one, _ in found])
            add(connection, EVENTS, events)
            self.curves.keep(connection, read)
            return self.gathering.keep_unreadable(connection, read, at_s)

    def ended_since(self, at_s: float) -> dict[tuple[str, str], int]:
        """How many attempts have ended since then, by status and cause."""
        query = (
            select(ATTEMPTS.c.status, ATTEMPTS.c.cause, func.count().label("attempts"))
            .where(self._ours, ~_OPEN, ATTEMPTS.c.ended_at_s >= at_s)
            .group_by(ATTEMPTS.c.status, ATTEMPTS.c.cause)
        )
        return {(row["status"], row["cause"]): row["attempts"] for row in self._rows(query)}

    def known_since(self, day: date) -> dict[AttemptKey, float]:
        """Attempts that were claimed on that day (UTC) or later, and when."""
        since_s = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        query = select(*_KEY, ATTEMPTS.c.claimed_at_s).where(
            self._ours, ATTEMPTS.c.claimed_at_s >= since_s
        )
        return {
            (row["training"], row["partition"], row["number"]): row["claimed_at_s"]
            for row in self._rows(query)
        }

    def open_attempts(self) -> list[AttemptRecord]:
        """Those whose end nobody has seen, newest first."""
        return self._all(_OPEN)

    def attempts(
        self,
        *,
        model: str = "",
        partition: str = "",
        cause: str = "",
        status: str = "",
        team: str = "",
        backfill: str = "",
        since_s: float | None = None,
        limit: int,
    ) -> list[AttemptRecord]:
        """Those that go on first, then the newest.

        Args:
            model: Of this model alone, if one is given.
            partition: Of this partition alone, if one is given.
            cause: That ended by this cause alone, if one is given.
            status: Of this status alone, if one is given.
            team: Paid for by this team alone, if one is given.
            backfill: Of this backfill alone, if one is given.
            since_s: Those that have lived since then, in seconds since 1970.
            limit: How many at most.
        """
        chosen = {
            **{"model": model, "partition": partition, "cause": cause, "status": status},
            **{"team": team, "backfill": backfill},
        }
        asked: list[Any] = [ATTEMPTS.c[name] == one for name, one in chosen.items() if one]
        # Two questions, each answered in the order of an index; in one, all rows would be sorted.
        found = self._newest(_OPEN, *asked, limit=limit)
        if since_s is not None:
            asked += ended_since(self._namespace, since_s)
        return found + self._newest(~_OPEN, *asked, limit=limit - len(found))

    def earlier(self, attempt: AttemptRecord, *, limit: int) -> list[AttemptRecord]:
        """Attempts of other trainings of its model that succeeded before it, newest first."""
        return self._newest(
            ATTEMPTS.c.model == attempt.model,
            ATTEMPTS.c.claimed_at_s < attempt.claimed_at_s,
            ATTEMPTS.c.status == "succeeded",
            ATTEMPTS.c.training != attempt.training,
            limit=limit,
        )

    def of_partition(self, model: str, partition: str) -> list[AttemptRecord]:
        """Attempts of a model's partition, newest first."""
        return self._all(ATTEMPTS.c.model == model, ATTEMPTS.c.partition == partition)

    def of_training(self, beginning: str) -> list[AttemptRecord]:
        """Attempts of the trainings whose hashes begin so, newest first."""
        # No `LIKE`, which asks no index; no digit of a hash comes after f.
        hashes = ATTEMPTS.c.training.between(beginning, f"{beginning}g")
        return self._all(hashes)

    def of_run(self, run: str) -> list[AttemptRecord]:
        """Attempts of a run, of what it retries and of what retries it, newest first."""
        roots = select(ATTEMPTS.c.root).where(self._ours, ATTEMPTS.c.run == run)
        questions = (
            ATTEMPTS.c.root == run,
            ATTEMPTS.c.root.in_(roots),
            ATTEMPTS.c.ended_by_run == run,  # it went on with an attempt of another
        )
        found = {one.key: one for asked in questions for one in self._all(asked)}
        return sorted(found.values(), key=_newest_first)

    def of_job(self, job: str) -> list[AttemptRecord]:
        """The attempts whose Ray job has this submission id: one, or none."""
        return self._all(ATTEMPTS.c.job == job)

    def runs(self, *, beginning: str = "", limit: int) -> list[str]:
        """Runs whose ids begin so, of the newest attempts; those that were retried among them."""
        columns = (ATTEMPTS.c.run, ATTEMPTS.c.root)
        begins = or_(*(one.startswith(beginning, autoescape=True) for one in columns))
        query = select(*columns).where(self._ours, begins).order_by(*_NEWEST_FIRST).limit(limit)
        found = dict.fromkeys(run for row in self._rows(query) for run in (row["run"], row["root"]))
        return [run for run in found if run.startswith(beginning)]

    def models(self) -> list[str]:
        """The models of which there are attempts, by their names."""
        return [row["model"] for row in self._rows(models_query(self._namespace))]

    def partitions(self) -> dict[str, list[str]]:
        """The partitions of each model of which there are attempts, newest first."""
        query = (
            select(ATTEMPTS.c.model, ATTEMPTS.c.partition)
            .where(self._ours)
            .distinct()
            .order_by(ATTEMPTS.c.model, ATTEMPTS.c.partition.desc())
        )
        found: dict[str, list[str]] = {}
        for row in self._rows(query):
            found.setdefault(row["model"], []).append(row["partition"])
        return found

    def events(
        self, attempts: Iterable[AttemptRecord], *, names: Collection[str] = ()
    ) -> dict[AttemptKey, dict[str, Event]]:
        """Events of these attempts by the names of their objects, oldest first.

        Args:
            attempts: Whose.
            names: Of these names alone, if some are given.
        """
        found: dict[AttemptKey, dict[str, Event]] = {one.key: {} for one in attempts}
        query = (
            select(*key_columns(EVENTS), EVENTS.c.object_name, *EVENT_COLUMNS)
            .where(EVENTS.c.namespace == self._namespace)
            .where(EVENTS.c.training.in_({training for training, _, _ in found}))
            .order_by(EVENTS.c.at_s, EVENTS.c.object_name)
        )
        if names:
            query = query.where(EVENTS.c.name.in_(sorted(names)))
        fields = [column.name for column in EVENT_COLUMNS]
        with self._database.reading() as connection:
            rows: Iterable[Sequence[Any]] = connection.execute(query)
            for training, partition, number, object_name, *row in rows:
                of_one = found.get((training, partition, number))
                if of_one is not None:
                    of_one[object_name] = Event(**dict(zip(fields, row, strict=True)))
        return found

    def samples(self, attempt: AttemptRecord, *, every_s: float = 0.0) -> Samples:
        """What was measured of an attempt; merged to one of each in so many seconds, if given."""
        return self.sample_store.of(attempt.key, every_s=every_s)

    def ended_before(self, at_s: float) -> list[AttemptRecord]:
        """Those that had ended then, but for those that gathering would bring back at once."""
        newest = select(func.max(ATTEMPTS.c.claimed_at_s)).where(self._ours).scalar_subquery()
        return self._all(
            ~_OPEN, ATTEMPTS.c.ended_at_s < at_s, ATTEMPTS.c.claimed_at_s < newest - READ_AGAIN_S
        )

    def forget(self, attempts: Sequence[AttemptRecord]) -> None:
        """Remove attempts with all that is about them."""
        keys = sorted(one.key for one in attempts)
        with self._database.writing() as connection:
            for table in OF_ATTEMPTS:
                whose = [table.c.namespace == self._namespace]
                whose += [column == bindparam(f"of_{column.name}") for column in key_columns(table)]
                rows = [
                    {"of_training": training, "of_partition": partition, "of_number": number}
                    for training, partition, number in keys
                ]
                if rows:
                    connection.execute(delete(table).where(*whose), rows)
            self.gathering.forget_unreadable(connection, attempts)

    def _newest(self, *asked: Any, limit: int) -> list[AttemptRecord]:
        query = select(*ATTEMPT_COLUMNS).where(self._ours, *asked)
        with self._database.reading() as connection:
            return attempts_of(connection.execute(query.order_by(*_NEWEST_FIRST).limit(limit)))

    def _all(self, *asked: Any) -> list[AttemptRecord]:
        """All that are asked for, of which there are few.

        Sorted here: for an order of theirs, SQLite would go through all attempts from the newest.
        """
        with self._database.reading() as connection:
            query = select(*ATTEMPT_COLUMNS).where(self._ours, *asked)
            return sorted(attempts_of(connection.execute(query)), key=_newest_first)

    def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        with self._database.reading() as connection:
            return connection.execute(query).mappings().all()


def _newest_first(one: AttemptRecord) -> tuple[float, str, str, int]:
    return -one.claimed_at_s, *one.key
