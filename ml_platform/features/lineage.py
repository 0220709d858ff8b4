"""Which columns of its parents a model's columns come from, read out of its compiled SQL."""

from collections.abc import Mapping, Sequence

Parents = Mapping[str, Sequence[str]]
"""Columns of each parent by its relation's name, as dbt writes it: `"db"."schema"."table"`."""


def column_lineage(
    sql: str, columns: Sequence[str], parents: Parents, *, dialect: str
) -> dict[str, list[tuple[str, str]]]:
    """For each of `columns` the relations and columns that its values are made of.

    Joins and filters do not count, only what the value is computed from. A column that is made of
    nothing, a constant or a count, has an empty list.

    Args:
        sql: The compiled SELECT of the model.
        columns: The model's columns.
        parents: The tables that it reads.
        dialect: sqlglot's name of the engine: `duckdb` or `bigquery`.

    Raises:
        SqlglotError: the statement cannot be read.
    """
    from sqlglot import MappingSchema, exp, parse_one
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    schema = MappingSchema(dialect=dialect)
    names: dict[tuple[str, ...], str] = {}
    for relation, known in parents.items():
        table = exp.to_table(relation, dialect=dialect)
        schema.add_table(table, dict.fromkeys(known, "unknown"), dialect=dialect)
        names[_path(table)] = relation
    qualified = qualify(parse_one(sql, dialect=dialect), schema=schema, dialect=dialect)
    scope = build_scope(qualified)
    found: dict[str, list[tuple[str, str]]] = {}
    for column in columns:
        # One analysis of the statement serves all columns; the search alone is made for each.
        root = lineage(column, qualified, schema=schema, scope=scope, dialect=dialect)
        origins = {
            (names[_path(node.source)], node.name.rsplit(".", 1)[-1].strip('"`'))
            for node in root.walk()
            if isinstance(node.source, exp.Table) and _path(node.source) in names
        }
        found[column] = sorted(origins)
    return found


def _path(table: object) -> tuple[str, ...]:
    return tuple(part.name for part in getattr(table, "parts", ()))
