"""Statements that are valid on BigQuery and not understood."""

# mypy: disable-error-code="import-not-found"

from typing import Any

import sqlglot
from local_bigquery.sql import script
from local_bigquery.sql.dialect import BigQueryDialect
from local_bigquery.sql.rules import datetime
from sqlglot import exp


def take_a_time_zone_from_a_column() -> None:
    """`TIMESTAMP(local, zone)` and `DATETIME(timestamp, zone)` work only if the zone is a literal.

    Without a literal the second is taken for `DATETIME(date, time)`, which is then not understood.
    """
    original = datetime._rewrite

    def rewrite(node: Any) -> Any:
        zone = node.args.get("zone" if isinstance(node, exp.Timestamp) else "expression")
        if isinstance(node, exp.Timestamp) and zone and not isinstance(zone, exp.Literal):
            return datetime.from_local(exp.cast(node.this, "TIMESTAMP"), zone)
        if isinstance(node, exp.Datetime) and isinstance(zone, exp.Column):
            return datetime.to_local(exp.cast(node.this, "TIMESTAMPTZ"), zone)
        return original(node)

    datetime._rewrite = rewrite


def set_variables_from_a_row() -> None:
    """`SET (a, b) = (SELECT AS STRUCT …)` fails; dbt's insert_overwrite is written so."""
    original = script.Interpreter.set

    def set_(self: Any, statement: Any) -> None:
        [item] = sqlglot.parse_one(statement.text, dialect=BigQueryDialect).expressions[:1]
        target, value = item.this.this, item.this.expression
        several = isinstance(target, exp.Paren | exp.Tuple)
        if not several or not isinstance(getattr(value, "this", None), exp.Select):
            original(self, statement)
            return
        variables = target.expressions if isinstance(target, exp.Tuple) else [target.this]
        for number, variable in enumerate(variables):
            query = value.this.copy()
            query.set("kind", None)
            query.set("expressions", [query.expressions[number].unalias()])
            self.assign(self.variable(variable.name), exp.Subquery(this=query))

    script.Interpreter.set = set_
