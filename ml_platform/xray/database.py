"""X-Ray's database, opened with its tables up to date, however many open it at once.

A database that a newer program has brought further is left as it is and read as far as this one
knows it; migrations only add.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from ml_platform.errors import XrayError
from ml_platform.file_lock import file_lock
from ml_platform.settings import without_passwords
from ml_platform.uris import sqlite_file
from ml_platform.xray.schema import VERSION_TABLE

MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSIONS: Final = MIGRATIONS / "versions"
BUSY_S: Final = 5.0
"""Waited for another who writes into the SQLite file, and for a server that does not answer."""
_DRIVER: Final = "postgresql+psycopg2"
_LOCK: Final = 7_229_001
"""Of PostgreSQL's advisory locks; any number that nobody else takes."""
_WRITES: Final = "xray_writes"
_ALEMBIC: Final = threading.Lock()
"""Alembic keeps what it is at in a module: of two threads one would find the other's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """An open database.

    Attributes:
        engine: SQLAlchemy's.
        address: Which one it is, without a password.
    """

    engine: Engine
    address: str

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            XrayError: the database is away, or has other tables.
        """
        with _told(self.address), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is all there after the block, or not at all.

        Raises:
            XrayError: the database is away, full, locked for long, or may not be written.
        """
        with _told(self.address), self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(uri: str, *, versions: tuple[Path, ...] = (VERSIONS,)) -> Database:
    """Open it; tables that are missing or older are made up to date first.

    Args:
        uri: An address of SQLAlchemy's: `postgresql://…`, or an absolute file as `sqlite:///…`.
        versions: Folders of migrations.

    Raises:
        XrayError: it is away, or cannot be brought up to date.
    """
    file = sqlite_file(uri)
    address = without_passwords(uri) if file is None else str(file)
    with _told(address):
        engine = _server(uri) if file is None else _file(file)
    database = Database(engine=engine, address=address)
    try:
        with _told(database.address):
            with database.engine.connect() as connection:
                behind = _is_behind(_version(connection), versions)
            if behind:
                _upgrade(database.engine, file, versions)
    except BaseException:
        database.close()
        raise
    return database


def _server(uri: str) -> Engine:
    url = make_url(uri)
    url = url.set(drivername=_DRIVER) if url.drivername == "postgresql" else url
    try:
        return create_engine(url, connect_args={"connect_timeout": int(BUSY_S)})
    except ModuleNotFoundError as error:
        raise XrayError(
            f"X-Ray's database is PostgreSQL, and its driver is not installed: {error}",
            hint="install the extra that has it: uv sync --extra production.",
        ) from error


def _file(file: Path) -> Engine:
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(file)), connect_args={"timeout": BUSY_S}
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        # Python's sqlite3 would begin transactions by itself, late, and never for DDL.
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # Who means to write takes the lock first: one that has read cannot wait for it any more.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _version(connection: Connection) -> str:
    """Which migration the database has had last; empty for none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return str(found or "")


def _is_behind(version: str, versions: tuple[Path, ...]) -> bool:
    """Whether a migration of ours is missing; one that we do not know is newer."""
    known = sorted(
        path.name[1:].partition("_")[0] for folder in versions for path in folder.glob("v*.py")
    )
    return version == "" or (version in known and version != known[-1])


def _upgrade(engine: Engine, file: Path | None, versions: tuple[Path, ...]) -> None:
    # Seconds of imports on a busy machine, and needed once.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    folders = os.pathsep.join(map(str, versions))
    config.set_main_option("version_locations", folders.replace("%", "%%"))
    with _alone(engine, file) as connection:
        if _is_behind(_version(connection), versions):  # another may have been first
            config.attributes["connection"] = connection
            with _ALEMBIC:
                command.upgrade(config, "head")


@contextmanager
def _alone(engine: Engine, file: Path | None) -> Iterator[Connection]:
    """A transaction beside which no other brings the tables up to date."""
    if file is None:
        with engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield connection
        return
    with file_lock(file.with_suffix(".lock")), engine.connect() as connection:
        # Readers and a writer do not wait for each other. It stays so; and it cannot be said inside
        # of a transaction, as SQLAlchemy would.
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA journal_mode = WAL")
        with connection.execution_options(**{_WRITES: True}).begin():
            yield connection


@contextmanager
def _told(address: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise XrayError(
            f"X-Ray's database {address} fails: {reason}",
            hint="see whether it can be reached and written (MLP_XRAY_URI, MLP_HOME). It holds "
            "nothing of its own: after `mlp xray gather --all` an empty one knows as much.",
        ) from error
