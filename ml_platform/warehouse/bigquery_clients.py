"""The two Google clients, made from the settings: jobs and metadata over REST, rows over gRPC.

An address that begins with `http://` is an emulator's: it gets no credentials, and it needs the
address of its Storage Read API too, which speaks plaintext.
"""

from typing import TYPE_CHECKING

from ml_platform.errors import SettingsError, WarehouseError
from ml_platform.warehouse.settings import BigQuerySettings

if TYPE_CHECKING:
    from google.cloud import bigquery
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient


def rest_client(settings: BigQuerySettings) -> "bigquery.Client":
    """The client for queries, load jobs and metadata.

    Raises:
        SettingsError: the project is not set, or the extra `bigquery` is not installed.
        WarehouseError: there are no credentials.
    """
    if not settings.bigquery_project:
        raise SettingsError(
            "the warehouse is bigquery, but no project is set",
            hint="set MLP_BIGQUERY_PROJECT to the Google Cloud project of the tables.",
        )
    try:
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud import bigquery
    except ImportError as error:
        raise _not_installed() from error

    endpoint = settings.bigquery_api_endpoint
    try:
        return bigquery.Client(
            project=settings.bigquery_project,
            location=settings.bigquery_location,
            credentials=AnonymousCredentials() if endpoint.startswith("http://") else None,
            client_options={"api_endpoint": endpoint} if endpoint else None,
        )
    except DefaultCredentialsError as error:
        raise WarehouseError(
            "BigQuery needs Google credentials and none were found",
            hint="run `gcloud auth application-default login`, or give the pod a service account.",
        ) from error


def storage_client(settings: BigQuerySettings) -> "BigQueryReadClient":
    """The client that reads rows as Arrow.

    Raises:
        SettingsError: only one of the two addresses of an emulator is set.
    """
    address = settings.bigquery_storage_endpoint
    if settings.bigquery_api_endpoint.startswith("http://") and not address:
        raise SettingsError(
            f"MLP_BIGQUERY_API_ENDPOINT={settings.bigquery_api_endpoint} is an emulator, but "
            "nothing says where its Storage Read API is",
            hint="set MLP_BIGQUERY_STORAGE_ENDPOINT to its host:port.",
        )
    try:
        import grpc
        from google.cloud.bigquery_storage_v1 import BigQueryReadClient
        from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
            BigQueryReadGrpcTransport,
        )
    except ImportError as error:
        raise _not_installed() from error

    if not address:
        return BigQueryReadClient()
    # A message of rows may be 10 MiB and more; gRPC's own limit is 4.
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(address, options=unlimited)
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def _not_installed() -> SettingsError:
    return SettingsError(
        "the warehouse is bigquery, but Google's clients are not installed",
        hint="install the extra: `uv sync --extra bigquery`.",
    )
