"""Opens MLflow: by its client and explicit addresses only, never through its global state.

The first use of an embedded store creates an sqlite database and takes seconds.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ml_platform.errors import RegistryError
from ml_platform.file_lock import file_lock
from ml_platform.settings import without_passwords
from ml_platform.uris import file_uri, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

ANSWER_TIMEOUT_S: Final = 5.0
# MLflow reads these when it is imported. It reports its use to its makers from every process, and
# prints links and progress bars among our own lines. Whoever wants that sets the opposite.
QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


class RegistrySettings(Protocol):
    """Where MLflow is, and where this machine keeps what belongs to it."""

    @property
    def home(self) -> Path | str:
        """Folder on this machine for the lock and for downloaded models."""

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI: a server, or a database."""

    @property
    def mlflow_artifact_root(self) -> str:
        """Where an embedded MLflow keeps files; empty where a server decides."""

    @property
    def mlflow_pages(self) -> str:
        """Where people open MLflow's pages, without a slash at the end."""


def open_client(settings: RegistrySettings) -> "MlflowClient":
    """A client of the configured MLflow; creates the embedded store at its first use.

    Raises:
        RegistryError: the server does not answer, or the store cannot be opened.
    """
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    uri = settings.tracking_uri
    if uri.startswith(("http://", "https://")):
        _require_answer(uri)
    with store_lock(settings), registry_errors("open the registry"):
        return _client(uri)


def embedded_file(settings: RegistrySettings) -> Path | None:
    """The file of an embedded store, or None where MLflow is a server or another database."""
    return sqlite_file(settings.tracking_uri)


def embedded_models(file: Path) -> int:
    """How many models an embedded store has; read as it is, without MLflow, which takes seconds.

    Raises:
        RegistryError: the file is no store that can be read.
    """
    try:
        with closing(sqlite3.connect(f"{file_uri(file)}?mode=ro", uri=True)) as store:
            return int(store.execute("SELECT count(*) FROM registered_models").fetchone()[0])
    except sqlite3.Error as error:
        raise RegistryError(
            f"{file} is no MLflow store that can be read: {error}",
            hint=f"put a copy of it back, or move {file} away: the next training makes a new one, "
            "which knows none of the versions so far.",
        ) from error


def serves_store(url: str, file: Path) -> bool:
    """Whether an MLflow server shows the embedded store `file`, and not somebody else's.

    Two stores differ in the moment at which their first experiment was made.
    """
    import httpx

    try:
        answer = httpx.get(
            f"{url}/api/2.0/mlflow/experiments/get",
            params={"experiment_id": "0"},
            timeout=ANSWER_TIMEOUT_S,
        )
        theirs = int(answer.json()["experiment"]["creation_time"])
        with closing(sqlite3.connect(f"{file_uri(file)}?mode=ro", uri=True)) as store:
            query = "SELECT creation_time FROM experiments WHERE experiment_id = 0"
            ours = store.execute(query).fetchone()
    except (httpx.HTTPError, sqlite3.Error, ValueError, KeyError, TypeError):
        return False
    return ours is not None and int(ours[0]) == theirs


@contextmanager
def store_lock(settings: RegistrySettings) -> Iterator[None]:
    """Held by one thread of one process on this machine at a time; not to be taken twice.

    It keeps two processes from creating the embedded store or the same version at once. Writers on
    other machines, which share a server, it cannot reach.
    """
    with file_lock(Path(settings.home) / "mlflow.lock"):
        yield


@contextmanager
def registry_errors(action: str) -> Iterator[None]:
    """Turn MLflow's errors into the platform's; `action` completes "could not …"."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise RegistryError(
            without_passwords(f"could not {action}: {error}"),
            hint="`mlp doctor` shows which MLflow is configured and whether it answers; the work "
            "itself is kept, so run this again when it does.",
        ) from error


def error_code(error: Exception) -> str:
    """MLflow's own name for what went wrong."""
    return str(getattr(error, "error_code", ""))


@lru_cache(maxsize=16)
def _client(uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    # Two lines about migrations at the first use, which read as if something were wrong.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)
    # Creates or migrates the embedded store now, under the lock.
    client.search_experiments(max_results=1)
    client.search_registered_models(max_results=1)
    return client


def _require_answer(uri: str) -> None:
    """Ask once: MLflow's client would try again for minutes."""
    import httpx

    try:
        answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=ANSWER_TIMEOUT_S)
        if answer.status_code == httpx.codes.NOT_FOUND:
            # A proxy may ask for a password first; whatever has no such page is no MLflow.
            raise RegistryError(
                f"what answers at {without_passwords(uri)} is no MLflow: it has no page /health",
                hint="correct MLP_MLFLOW_TRACKING_URI; unset, the registry is a file under "
                "MLP_HOME.",
            )
    except httpx.HTTPError as error:
        raise RegistryError(
            without_passwords(f"the MLflow server {uri} does not answer: {error}"),
            hint="start it or correct MLP_MLFLOW_TRACKING_URI; unset, the registry is a file under "
            "MLP_HOME.",
        ) from error
