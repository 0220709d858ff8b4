"""What the catalogue says of tables: rows, partitions, clones, and what a statement created."""

# mypy: disable-error-code="import-not-found"

from typing import Any

from local_bigquery.api import jobs as api_jobs
from local_bigquery.catalog import ddl, metadata, names, tables
from local_bigquery.engine import database
from local_bigquery.jobs import runner
from local_bigquery.models import Table
from local_bigquery.sql.rules import information_schema


def count_rows() -> None:
    """A table's `numRows` is an estimate, and stays too high after a DELETE."""
    original = tables.load

    def load(*ids: str) -> Any:
        table = original(*ids)
        if table.type != "TABLE" or not tables.fields(table):
            return table
        [(count,)] = database.fetch(f"SELECT count(*) FROM {tables.name(*ids)}")
        return table.replace(numRows=str(count))

    tables.load = load


def tell_when_partitions_changed() -> None:
    """`INFORMATION_SCHEMA.PARTITIONS` has no `last_modified_time`; here it is the table's."""
    original = information_schema.partitions

    def partitions(project: str, dataset: str | None) -> Any:
        columns, rows = original(project, dataset)
        tables_of = {
            tuple(information_schema._identity(table)): table
            for table in information_schema._tables(project, dataset)
        }
        changed = [
            information_schema._timestamp(tables_of[tuple(row[:3])].lastModifiedTime)
            for row in rows
        ]
        return (
            [*columns, "last_modified_time TIMESTAMP"],
            [[*row, when] for row, when in zip(rows, changed, strict=True)],
        )

    information_schema.VIEWS["PARTITIONS"] = partitions


def keep_what_a_clone_copies() -> None:
    """A clone loses its source's partitioning, clustering and descriptions."""
    original = ddl._definition

    def definition(tree: Any, project: str, dataset: str) -> Any:
        clone = tree.args.get("clone")
        if not clone:
            return original(tree, project, dataset)
        source = metadata.load(Table, *names.reference(clone.this, project, dataset))
        copied = source.dump() if source else {}
        kept = ("schema", "timePartitioning", "clustering")
        return {key: copied[key] for key in kept if key in copied} | original(
            tree, project, dataset
        )

    ddl._definition = definition


def report_created_tables() -> None:
    """`CREATE TABLE AS` names no destination table, which dbt asks for."""
    run, answer = runner._query, api_jobs.results

    def query_job(job: Any, session: Any, running: Any) -> Any:
        statistics = run(job, session, running)
        done = statistics.query
        if done and done.statementType == "CREATE_TABLE_AS_SELECT" and done.ddlTargetTable:
            job.configuration.query.destinationTable = done.ddlTargetTable
        return statistics

    def results(job: Any, *arguments: Any) -> Any:
        done = job.statistics and job.statistics.query
        if not done or not (done.statementType or "").startswith("CREATE_"):
            return answer(job, *arguments)
        silent = job.model_copy(deep=True)
        silent.configuration.query.destinationTable = None
        payload, rows = answer(silent, *arguments)
        payload.pop("totalRows", None)  # a statement without rows, to the client
        return payload, rows

    runner._query, api_jobs.results = query_job, results
