"""The samples of attempts in X-Ray's database, and which of their objects are in it.

A sample is known by who measured it and when, so that gathering it twice counts it once. With age
the samples of an attempt are merged: times are summed, use is a mean, and memory its maximum.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    func,
    select,
)

from ml_platform.xray.attempt import AttemptKey, AttemptRecord
from ml_platform.xray.database import Database
from ml_platform.xray.rows import (
    ATTEMPT_COLUMNS,
    add,
    attempts_of,
    key_columns,
    put,
    storable,
    whose,
)
from ml_platform.xray.samples import NodeUse, Sample, Samples, StepTimes
from ml_platform.xray.schema import ATTEMPTS, NODE_USE, SAMPLE_OBJECTS, SAMPLED, STEP_TIMES

MERGED_KEPT: Final = 16
"""Attempts whose merged samples stay at hand, a megabyte each: a page asks anew every five seconds,
and 50,000 samples take a tenth of a second to merge."""
_STEP_TIMES: Final = tuple(STEP_TIMES.c[one.name] for one in fields(StepTimes))
_NODE_USE: Final = tuple(NODE_USE.c[one.name] for one in fields(NodeUse))
_MEANS: Final = frozenset({"cpu_used", "gpu_used", "object_store_used_bytes"})
_LEAST: Final = frozenset({"disk_free_bytes"})
_SUMS: Final = frozenset({"batches", "rows", "data_s", "step_s", "cpu_s", "checkpoint_s"})
_OF_FIRST_WORKER: Final = select(*_STEP_TIMES).where(
    STEP_TIMES.c.rank == 0,
    *(one == bindparam(one.name) for one in (STEP_TIMES.c.namespace, *key_columns(STEP_TIMES))),
)
# Made once: for each of many attempts that run, to make them takes as long as to ask.
_FIRST_OF_WORKER: Final = _OF_FIRST_WORKER.order_by(STEP_TIMES.c.at_s).limit(1)
_NEWEST_OF_WORKER: Final = _OF_FIRST_WORKER.order_by(STEP_TIMES.c.at_s.desc()).limit(
    bindparam("newest", type_=Integer)
)
_SAME_ATTEMPT: Final = and_(*(one == ATTEMPTS.c[one.name] for one in SAMPLED.c if one.primary_key))


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplesRead:
    """What was read of an object.

    Attributes:
        key: Its attempt.
        object_name: `worker-3/1795874400000.jsonl`.
        samples: Those that are understood.
    """

    key: AttemptKey
    object_name: str
    samples: tuple[Sample, ...] = ()


class SampleStore:
    """The samples of one namespace.

    Args:
        database: Where they are.
        namespace: Environment and sandbox.
    """

    def __init__(self, database: Database, namespace: str) -> None:
        self._database = database
        self._namespace = namespace
        self._merged: dict[tuple[AttemptKey, float, tuple[bool, float]], Samples] = {}

    def keep(self, read: Sequence[SamplesRead]) -> None:
        """Keep what was read, and that it was."""
        steps: list[dict[str, Any]] = []
        nodes: list[dict[str, Any]] = []
        for one in read:
            for sample in one.samples:
                row = whose(self._namespace, one.key) | storable(asdict(sample))
                (steps if isinstance(sample, StepTimes) else nodes).append(row)
        names = [whose(self._namespace, one.key) | {"object_name": one.object_name} for one in read]
        with self._database.writing() as connection:
            add(connection, STEP_TIMES, steps)
            add(connection, NODE_USE, nodes)
            add(connection, SAMPLE_OBJECTS, names)

    def object_names(self, key: AttemptKey) -> frozenset[str]:
        """Objects of an attempt that were read, as far as not all were."""
        query = select(SAMPLE_OBJECTS.c.object_name).where(*self._of(SAMPLE_OBJECTS, key))
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def unread(self) -> list[AttemptRecord]:
        """Attempts of which there may be more samples to read, newest first."""
        whole = select(SAMPLED.c.number).where(_SAME_ATTEMPT)
        query = (
            select(*ATTEMPT_COLUMNS)
            .where(ATTEMPTS.c.namespace == self._namespace, ~whole.exists())
            .order_by(ATTEMPTS.c.claimed_at_s.desc(), *key_columns(ATTEMPTS))
        )
        with self._database.reading() as connection:
            return attempts_of(connection.execute(query))

    def are_all_read(self, key: AttemptKey) -> bool:
        """Whether nothing is left to read of an attempt, which has ended."""
        query = select(SAMPLED.c.number).where(*self._of(SAMPLED, key))
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def note_all_read(self, keys: Collection[AttemptKey]) -> None:
        """Note that nothing is left to read of attempts."""
        rows = [whose(self._namespace, key) | {"every_s": 0.0} for key in sorted(keys)]
        with self._database.writing() as connection:
            add(connection, SAMPLED, rows)
            for key in keys:
                connection.execute(delete(SAMPLE_OBJECTS).where(*self._of(SAMPLE_OBJECTS, key)))

    def of(self, key: AttemptKey, *, every_s: float = 0.0) -> Samples:
        """The samples of an attempt; merged to one of each worker and node in so long, if given."""
        with self._database.reading() as connection:
            edition = self._edition(connection, key, every_s) if every_s else None
            if edition is None:
                return self._of_attempt(connection, key, every_s)
            found = self._merged.get((key, every_s, edition))
            if found is None:
                found = self._of_attempt(connection, key, every_s)
                self._merged[key, every_s, edition] = found
                for oldest in list(self._merged)[:-MERGED_KEPT]:
                    self._merged.pop(oldest, None)
            return found

    def nodes_of(self, key: AttemptKey, *, every_s: float) -> tuple[NodeUse, ...]:
        """What the nodes of an attempt used, merged to one of each in so many seconds."""
        with self._database.reading() as connection:
            return self._nodes(connection, key, every_s)

    def first_and_newest(
        self, keys: Collection[AttemptKey], *, newest: int
    ) -> dict[AttemptKey, tuple[StepTimes, ...]]:
        """What the first worker of each attempt measured first, and so many of the newest.

        Each is the end of an index, however long the attempt is.
        """
        found = {}
        names = [one.name for one in _STEP_TIMES]
        at = names.index("at_s")
        with self._database.reading() as connection:
            for key in keys:
                its = whose(self._namespace, key)
                newest_rows = connection.execute(_NEWEST_OF_WORKER, its | {"newest": newest})
                # One worker has one sample of a moment.
                rows: dict[float, Sequence[Any]] = {row[at]: row for row in newest_rows}
                if len(rows) == newest:
                    rows |= {row[at]: row for row in connection.execute(_FIRST_OF_WORKER, its)}
                found[key] = tuple(
                    StepTimes(**dict(zip(names, rows[at_s], strict=True))) for at_s in sorted(rows)
                )
        return found

    def finer_than(self, every_s: float, *, ended_before_s: float) -> list[AttemptKey]:
        """Attempts that ended before then, and of which there are more samples than that."""
        query = (
            select(*key_columns(ATTEMPTS))
            .join(SAMPLED, _SAME_ATTEMPT)
            .where(
                ATTEMPTS.c.namespace == self._namespace,
                ATTEMPTS.c.ended_at_s < ended_before_s,
                SAMPLED.c.every_s < every_s,
            )
            .order_by(*key_columns(ATTEMPTS))
        )
        with self._database.reading() as connection:
            return [(one.training, one.partition, one.number) for one in connection.execute(query)]

    def thin(self, key: AttemptKey, *, every_s: float) -> None:
        """Leave one sample of each worker and node in so many seconds."""
        with self._database.writing() as connection:
            left = self._of_attempt(connection, key, every_s)
            for table, samples in ((STEP_TIMES, left.steps), (NODE_USE, left.nodes)):
                connection.execute(delete(table).where(*self._of(table, key)))
                rows = [whose(self._namespace, key) | storable(asdict(one)) for one in samples]
                add(connection, table, rows)
            put(connection, SAMPLED, [whose(self._namespace, key) | {"every_s": every_s}])

    def _edition(
        self, connection: Connection, key: AttemptKey, every_s: float
    ) -> tuple[bool, float] | None:
        """Changes when what is merged does, but for a tenth of a stretch; None if not known."""
        whole = select(SAMPLED.c.every_s).where(*self._of(SAMPLED, key))
        left_s = connection.execute(whole).scalar()
        if left_s is not None:
            return True, left_s
        newest = (
            select(STEP_TIMES.c.at_s)
            .where(*self._of(STEP_TIMES, key), STEP_TIMES.c.rank == 0)
            .order_by(STEP_TIMES.c.at_s.desc())
            .limit(1)
        )
        at_s = connection.execute(newest).scalar()
        return None if at_s is None else (False, at_s // (every_s / 10))

    def _of_attempt(self, connection: Connection, key: AttemptKey, every_s: float) -> Samples:
        steps: Select[Any] = select(*_STEP_TIMES)
        if every_s:
            steps = _merged(STEP_TIMES, _STEP_TIMES, ("rank",), every_s)
        steps = steps.where(*self._of(STEP_TIMES, key)).order_by("at_s", STEP_TIMES.c.rank)
        return Samples(
            steps=tuple(StepTimes(**row) for row in connection.execute(steps).mappings()),
            nodes=self._nodes(connection, key, every_s),
        )

    def _nodes(
        self, connection: Connection, key: AttemptKey, every_s: float
    ) -> tuple[NodeUse, ...]:
        nodes: Select[Any] = select(*_NODE_USE)
        if every_s:
            nodes = _merged(NODE_USE, _NODE_USE, ("node", "is_head"), every_s)
        nodes = nodes.where(*self._of(NODE_USE, key)).order_by("at_s", NODE_USE.c.node)
        return tuple(NodeUse(**row) for row in connection.execute(nodes).mappings())

    def _of(self, table: Table, key: AttemptKey) -> list[Any]:
        return [table.c[name] == value for name, value in whose(self._namespace, key).items()]


def _merged(
    table: Table, columns: Sequence[Any], same: Sequence[str], every_s: float
) -> Select[Any]:
    """One row for all that are the same, and of the same stretch of time."""
    stretch = cast(table.c.at_s, BigInteger) // int(every_s)
    chosen = [one if one.name in same else _over_stretch(one) for one in columns]
    return select(*chosen).group_by(*(table.c[name] for name in same), stretch)


def _over_stretch(column: Any) -> Any:
    name = column.name
    if name in _SUMS:
        return func.sum(column).label(name)
    if name in _MEANS:
        return func.avg(column).label(name)
    if name in _LEAST:
        return func.min(column).label(name)
    # What a node has, when the stretch ended, and the most of memory.
    return func.max(column).label(name)
