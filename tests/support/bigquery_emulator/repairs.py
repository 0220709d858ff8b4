"""What local-bigquery 0.4.0 lacks, added as Google documents it for BigQuery.

Each repair replaces a private function, so the version is pinned exactly; drop one when a newer
version passes without it. Bytes are counted as BigQuery's pricing page says: logical sizes by type,
only the columns that a statement names, only the partitions that it selects by literals.
"""

# mypy: disable-error-code="import-not-found"

import contextvars
from typing import Any, Final

import sqlglot
from local_bigquery import errors
from local_bigquery.api import jobs as api_jobs
from local_bigquery.catalog import ddl, metadata, names, tables
from local_bigquery.engine import database
from local_bigquery.engine.database import quote
from local_bigquery.errors import BigQueryError
from local_bigquery.grpc import read as storage_read
from local_bigquery.grpc import server as storage_server
from local_bigquery.jobs import query, runner
from local_bigquery.models import Table
from local_bigquery.sql.rules import information_schema
from sqlglot import exp

_BYTES: Final = {"BOOLEAN": 1, "INTERVAL": 16}
_TEXT: Final = ("VARCHAR", "JSON")
_MINIMUM_BILLED: Final = 10 * 2**20
_snapshot: contextvars.ContextVar[Any] = contextvars.ContextVar("snapshot", default=None)


def apply() -> None:
    """Repair the server; call it before it serves."""
    _count_bytes()
    _report_created_tables()
    _tell_when_partitions_changed()
    _read_the_past()
    _count_rows()
    _keep_what_a_clone_copies()


def _count_bytes() -> None:
    """Dry runs report no bytes, and `maximumBytesBilled` is not looked at."""
    errors.STATUSES["bytesBilledLimitExceeded"] = (500, "INTERNAL")
    original = query.execute

    def execute(
        cursor: Any,
        project: str,
        job: str | None,
        config: Any,
        dry_run: bool = False,
        session: Any = None,
    ) -> Any:
        try:
            statistics, *_ = original(cursor, project, None, config, True, None)
            scanned = _scanned_bytes(config.query, statistics.referencedTables or [])
        except BigQueryError:  # a statement that only makes sense where it runs: a session's table
            scanned = 0
        limit = int(config.maximumBytesBilled or 0)
        if not dry_run and 0 < limit < scanned:
            needed = max(scanned, _MINIMUM_BILLED)
            raise BigQueryError(
                "bytesBilledLimitExceeded",
                f"Query exceeded limit for bytes billed: {limit}. {needed} or higher required.",
            )
        statistics, *rest = original(cursor, project, job, config, dry_run, session)
        return statistics.replace(totalBytesProcessed=str(scanned)), *rest

    query.execute = execute
    finish = runner._done

    def done(job: Any, statistics: Any, error: Any = None) -> Any:
        finished = finish(job, statistics, error)
        scanned = finished.statistics.query and finished.statistics.query.totalBytesProcessed
        if not scanned:
            return finished
        return finished.replace(statistics=finished.statistics.replace(totalBytesProcessed=scanned))

    runner._done = done


def _report_created_tables() -> None:
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


def _tell_when_partitions_changed() -> None:
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


def _read_the_past() -> None:
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


def _count_rows() -> None:
    """A table's `numRows` is an estimate, and stays too high after a DELETE."""
    original = tables.load

    def load(*ids: str) -> Any:
        table = original(*ids)
        if table.type != "TABLE" or not tables.fields(table):
            return table
        [(count,)] = database.fetch(f"SELECT count(*) FROM {tables.name(*ids)}")
        return table.replace(numRows=str(count))

    tables.load = load


def _keep_what_a_clone_copies() -> None:
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


def _scanned_bytes(sql: str, references: list[Any]) -> int:
    trees = [tree for tree in sqlglot.parse(sql, dialect="bigquery") if tree]
    named = {column.name.casefold() for tree in trees for column in tree.find_all(exp.Column)}
    everything = any(
        isinstance(star.parent, exp.Select) for tree in trees for star in tree.find_all(exp.Star)
    )
    total = 0
    for reference in references:
        ids = tables.reference(reference)
        stored = metadata.load(Table, *ids)
        partitioning = stored and stored.timePartitioning
        where = _pruning(trees, partitioning.field) if partitioning else "true"
        sizes = _column_bytes(ids, where)
        total += sum(size for name, size in sizes.items() if everything or name in named)
    return total


def _pruning(trees: list[Any], column: str) -> str:
    """The literal comparisons of the partition column, outside of OR and NOT."""
    kinds = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)
    found = []
    for comparison in (node for tree in trees for node in tree.find_all(*kinds)):
        left = comparison.this
        if not isinstance(left, exp.Column) or left.name.casefold() != column.casefold():
            continue
        alone = len(list(comparison.find_all(exp.Column))) == 1
        if alone and not comparison.find_ancestor(exp.Or, exp.Not):
            copy = comparison.copy()
            copy.this.set("table", None)
            found.append(copy.sql("duckdb"))
    return " AND ".join(found) or "true"


def _column_bytes(ids: tuple[str, str, str], where: str) -> dict[str, int]:
    with database.cursor() as cursor:
        name = tables.name(*ids)
        relation = cursor.sql(f"SELECT * FROM {name} LIMIT 0")
        columns = list(zip(relation.columns, map(str, relation.types), strict=True))
        sizes = ", ".join(f"coalesce(sum({_size(quote(c), kind)}), 0)" for c, kind in columns)
        row = cursor.sql(f"SELECT {sizes} FROM {name} WHERE {where}").fetchone()
    return {column.casefold(): int(size) for (column, _), size in zip(columns, row, strict=True)}


def _size(column: str, kind: str) -> str:
    value = f"2 + strlen(CAST({column} AS VARCHAR))" if kind in _TEXT else str(_BYTES.get(kind, 8))
    return f"CASE WHEN {column} IS NULL THEN 0 ELSE {value} END"
