"""What the warehouse has to be told: the resource says it, and the settings say it too."""

from pathlib import Path
from typing import Protocol


class BigQuerySettings(Protocol):
    """Which BigQuery, what a query may cost, and what is written on it."""

    @property
    def bigquery_project(self) -> str:
        """Google Cloud project that pays."""

    @property
    def bigquery_location(self) -> str:
        """Location of the datasets."""

    @property
    def bigquery_maximum_bytes_billed(self) -> int:
        """Bytes that one query may scan at most."""

    @property
    def bigquery_api_endpoint(self) -> str:
        """Another API than Google's; empty for Google's."""

    @property
    def bigquery_storage_endpoint(self) -> str:
        """`host:port` of another Storage Read API; empty for Google's."""

    @property
    def environment(self) -> str:
        """Label of each query."""

    @property
    def sandbox(self) -> str:
        """Label of each query; empty for none."""


class WarehouseSettings(BigQuerySettings, Protocol):
    """The engine and where it is."""

    @property
    def warehouse(self) -> str:
        """The engine: `duckdb` or `bigquery`."""

    @property
    def duckdb_file(self) -> Path:
        """Absolute path of DuckDB's file."""

    @property
    def feature_schema(self) -> str:
        """Schema (BigQuery: dataset) of the feature tables."""
