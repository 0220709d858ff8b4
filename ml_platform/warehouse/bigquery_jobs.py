"""Jobs on BigQuery (statements, loads, exports): labelled, limited, and explained if refused."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.errors import WarehouseError
from ml_platform.warehouse import bigquery_sql
from ml_platform.warehouse.bigquery_errors import refusals
from ml_platform.warehouse.bigquery_types import bigquery_type
from ml_platform.warehouse.interface import Scalar, TableRef
from ml_platform.warehouse.settings import BigQuerySettings

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud import bigquery

CANCEL_TIMEOUT_S: Final = 10.0
_PARAMETER_TYPES: Final = {bool: "BOOL", int: "INT64", float: "FLOAT64"}


def table_path(reference: Any) -> str:
    """A table's path as the Storage Read API wants it: `projects/…/datasets/…/tables/…`."""
    return str(reference.path).removeprefix("/")


@contextmanager
def _cancelled_unless_done(job: Any) -> Iterator[None]:
    """Nobody waits any more for a job that its waiter left: it would run on and be paid for."""
    from google.api_core.exceptions import GoogleAPIError
    from requests.exceptions import RequestException

    try:
        yield
    except BaseException:
        if job.state != "DONE":
            with suppress(GoogleAPIError, RequestException):
                job.cancel(retry=None, timeout=CANCEL_TIMEOUT_S)
        raise


class BigQueryJobs:
    """Starts jobs and waits for them.

    Args:
        client: The REST client.
        settings: The limit of bytes, and what the labels say.
        retry_s: How long one call is retried while the service is unavailable.
    """

    def __init__(
        self, client: "bigquery.Client", settings: BigQuerySettings, *, retry_s: float
    ) -> None:
        from google.cloud import bigquery

        self._client = client
        self._limit_bytes = settings.bigquery_maximum_bytes_billed
        self._labels = bigquery_sql.job_labels(settings)
        self._retry = bigquery.DEFAULT_RETRY.with_timeout(retry_s)

    def explaining(self, action: str) -> AbstractContextManager[None]:
        """What fails inside becomes a `WarehouseError` that says "could not `action`"."""
        return refusals(action, limit_bytes=self._limit_bytes)

    def run(
        self, action: str, sql: str, parameters: Mapping[str, Scalar] | None = None
    ) -> str | None:
        """Run a statement to its end.

        Returns:
            The path of the table with its rows, for the Storage Read API; None if it has none.

        Raises:
            WarehouseError: a `$name` has no value, or BigQuery refused.
        """
        from google.cloud import bigquery

        given = parameters or {}
        statement, names = bigquery_sql.with_at_parameters(sql)
        if missing := sorted(names - given.keys()):
            raise WarehouseError(
                f"could not {action}: it names ${missing[0]}, which has no value",
                hint="pass a value for each $name in the statement.",
            )
        values = [
            bigquery.ScalarQueryParameter(
                name, _PARAMETER_TYPES.get(type(given[name]), "STRING"), given[name]
            )
            for name in sorted(names)
        ]
        with self.explaining(action):
            job = self._query(statement, query_parameters=values)
            with _cancelled_unless_done(job):
                job.result(retry=self._retry, max_results=0)
        return table_path(job.destination) if job.statement_type == "SELECT" else None

    def names(self, dataset: str) -> frozenset[str]:
        """Tables and views of a dataset; none if there is no such dataset."""
        from google.api_core.exceptions import NotFound

        with self.explaining(f"list {dataset}"), suppress(NotFound):
            found = self._client.list_tables(
                f"{self._client.project}.{dataset}", retry=self._retry, page_size=1000
            )
            return frozenset(one.table_id for one in found)
        return frozenset()

    def estimate_bytes(self, sql: str) -> int:
        """Bytes that a statement would scan, by a dry run.

        Raises:
            WarehouseError: the statement is not valid.
        """
        with self.explaining("estimate the statement"):
            job = self._query(sql, dry_run=True, use_query_cache=False)
            return int(job.total_bytes_processed)

    def export(self, table: TableRef, select: str, uri: str) -> list[str]:
        """Write the rows of `select` as Parquet into the folder `uri`; returns the files."""
        pattern = bigquery_sql.export_pattern(uri)
        with self.explaining(f"export {table}"):
            job = self._query(bigquery_sql.export_statement(select, pattern))
            with _cancelled_unless_done(job):
                job.result(retry=self._retry)
            # google-cloud-bigquery 3.47 has no public name for this part of the job's resource.
            statistics = job._properties["statistics"]["query"]["exportDataStatistics"]
        return bigquery_sql.exported_files(pattern, int(statistics["fileCount"]))

    def load(
        self,
        table: TableRef,
        batches: "pa.RecordBatchReader",
        descriptions: Mapping[str, str],
    ) -> int:
        """Replace a table by `batches`, through one Parquet file on disk; returns the rows."""
        import pyarrow.parquet as pq
        from google.cloud import bigquery

        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
            schema=[
                bigquery.SchemaField(
                    field.name,
                    bigquery_type(field.name, field.type),
                    description=descriptions.get(field.name),
                )
                for field in batches.schema
            ],
            labels=self._labels,
        )
        with tempfile.TemporaryDirectory(prefix="mlp-load-") as folder:
            path = Path(folder) / "rows.parquet"
            # BigQuery's times end at microseconds.
            with pq.ParquetWriter(
                path,
                batches.schema,
                compression="zstd",
                coerce_timestamps="us",
                allow_truncated_timestamps=True,
            ) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            with self.explaining(f"load {table}"), path.open("rb") as file:
                job = self._client.load_table_from_file(
                    file, f"{table.schema}.{table.name}", job_config=config
                )
                with _cancelled_unless_done(job):
                    return int(job.result(retry=self._retry).output_rows)

    def table(self, table: TableRef) -> Any:
        """The table's metadata.

        Raises:
            WarehouseError: there is no such table.
        """
        with self.explaining(f"find {table}"):
            return self._client.get_table(f"{table.schema}.{table.name}", retry=self._retry)

    def make_dataset(self, name: str) -> None:
        """Make sure that a dataset is there."""
        from google.api_core.exceptions import NotFound

        # Looked up first: whoever may write a dataset need not have the right to create one.
        with self.explaining(f"make the dataset {name}"):
            try:
                self._client.get_dataset(name, retry=self._retry)
            except NotFound:
                self._client.create_dataset(name, exists_ok=True, retry=self._retry)

    def _query(self, statement: str, **options: Any) -> Any:
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(
            maximum_bytes_billed=self._limit_bytes, labels=self._labels, **options
        )
        return self._client.query(statement, config, retry=self._retry)
