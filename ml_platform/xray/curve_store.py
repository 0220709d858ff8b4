"""The curves of attempts in X-Ray's database."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from ml_platform.xray.attempt import AttemptKey, AttemptRead
from ml_platform.xray.curves import Curves, Metric
from ml_platform.xray.database import Database
from ml_platform.xray.rows import add, key_columns, storable, whose
from ml_platform.xray.schema import CURVES

AT_ONCE: Final = 500
"""Trainings in one question: SQLite takes a thousand values or so."""


class CurveStore:
    """Those of one namespace.

    Args:
        database: Where they are.
        namespace: Environment and sandbox.
    """

    def __init__(self, database: Database, namespace: str) -> None:
        self._database = database
        self._namespace = namespace

    def keep(self, connection: Connection, read: Sequence[AttemptRead]) -> None:
        """Keep what was read, in somebody's transaction; what is there stays."""
        rows = [
            whose(self._namespace, one.attempt.key)
            | {
                "metrics": storable(one.curves.metrics),
                "epochs": storable(one.curves.epochs),
            }
            for one in read
            if one.attempt is not None and one.curves is not None
        ]
        add(connection, CURVES, sorted(rows, key=lambda row: row["training"]))

    def main_metrics(self, keys: Collection[AttemptKey]) -> dict[AttemptKey, Metric]:
        """The metric that tells most of each, of those that reported one."""
        found: dict[AttemptKey, Metric] = {}
        for row in self._rows(keys, CURVES.c.metrics):
            key = row["training"], row["partition"], row["number"]
            if key in keys and (main := Curves(metrics=row["metrics"]).main) is not None:
                found[key] = main
        return found

    def of(self, key: AttemptKey) -> Curves:
        """All that an attempt reported; empty if it reported nothing, or is from before."""
        for row in self._rows([key], CURVES.c.metrics, CURVES.c.epochs):
            if (row["training"], row["partition"], row["number"]) == key:
                return Curves(metrics=row["metrics"], epochs=tuple(row["epochs"]))
        return Curves()

    def _rows(self, keys: Collection[AttemptKey], *columns: Any) -> list[Mapping[str, Any]]:
        trainings = sorted({training for training, _, _ in keys})
        found: list[Mapping[str, Any]] = []
        with self._database.reading() as connection:
            for begin in range(0, len(trainings), AT_ONCE):
                query = select(*key_columns(CURVES), *columns).where(
                    CURVES.c.namespace == self._namespace,
                    CURVES.c.training.in_(trainings[begin : begin + AT_ONCE]),
                )
                found += [dict(row) for row in connection.execute(query).mappings()]
        return found
