"""The database's tables are up to date when it is open, whoever else opens it now."""

import multiprocessing
import shutil
import sqlite3
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from ml_platform.errors import XrayError
from ml_platform.uris import sqlite_uri
from ml_platform.xray.database import VERSIONS, Database, open_database
from ml_platform.xray.rows import attempt_row
from ml_platform.xray.schema import ATTEMPTS, METADATA, VERSION_TABLE
from ml_platform.xray.store import Store
from tests.unit.xray.conftest import CURRENT, NEWER, NEXT
from tests.unit.xray.test_store import attempt

PROCESSES: Final = multiprocessing.get_context("spawn")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return sqlite_uri(tmp_path / "folder" / "xray.db")


def version(database: Database) -> str:
    with database.reading() as connection:
        return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar())


def columns(database: Database) -> set[str]:
    with database.reading() as connection:
        rows = connection.execute(text("SELECT name FROM pragma_table_info('xray_attempts')"))
        return set(rows.scalars())


def open_once(uri: str) -> str:
    database = open_database(uri)
    try:
        return version(database)
    finally:
        database.close()


def test_the_migrations_make_the_tables_that_the_program_knows(uri: str) -> None:
    database = open_database(uri)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_many_processes_may_open_a_new_database_at_once(uri: str) -> None:
    with ProcessPoolExecutor(4, mp_context=PROCESSES) as pool:
        assert list(pool.map(open_once, [uri] * 4)) == [CURRENT] * 4


def test_threads_may_open_several_new_databases_at_once(tmp_path: Path) -> None:
    uris = [sqlite_uri(tmp_path / f"{number}" / "xray.db") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_once, uris)) == [CURRENT] * 4


def test_an_open_database_is_brought_further_by_a_newer_program_and_read_on_by_the_older(
    uri: str, newer: tuple[Path, ...]
) -> None:
    older = open_database(uri)
    newest = open_database(uri, versions=newer)
    assert version(older) == version(newest) == NEWER
    assert "cost" in columns(older)
    older.close()
    newest.close()


def test_an_older_program_leaves_a_newer_database_as_it_is(
    uri: str, newer: tuple[Path, ...]
) -> None:
    open_database(uri, versions=newer).close()
    older = open_database(uri)
    assert (version(older), "cost" in columns(older)) == (NEWER, True)
    older.close()


def test_attempts_from_before_teams_were_noted_have_none(uri: str, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    for number in ("0001", "0002"):
        (file,) = VERSIONS.glob(f"v{number}_*.py")
        shutil.copy(file, before)
    older = open_database(uri, versions=(before,))
    row = attempt_row("local", attempt())
    known = [one for one in row if one not in ("team", "backfill")]
    with older.writing() as connection:
        connection.execute(ATTEMPTS.insert().inline(), [{name: row[name] for name in known}])
    newest = open_database(uri)
    (found,) = Store(newest, "local").attempts(limit=9)
    assert found == attempt()
    # The older one goes on beside it, and knows nothing of them.
    again = [{name: row[name] for name in known} | {"number": 2}]
    with older.writing() as connection:
        connection.execute(ATTEMPTS.insert().inline(), again)
    assert [one.team for one in Store(newest, "local").attempts(limit=9)] == ["", ""]
    older.close()
    newest.close()


def test_a_migration_that_fails_changes_nothing(uri: str, newer: tuple[Path, ...]) -> None:
    open_database(uri).close()
    file = newer[0] / f"v{NEWER}_cost.py"
    file.write_text(f'{NEXT}    op.execute("SELECT 1 FROM nowhere")\n')
    with pytest.raises(XrayError, match="nowhere"):
        open_database(uri, versions=newer)
    database = open_database(uri)
    assert (version(database), "cost" in columns(database)) == (CURRENT, False)
    database.close()


def test_what_is_no_database_is_told_with_what_to_do(uri: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "xray.db").write_text("no database, and long enough to be seen as none")
    with pytest.raises(XrayError, match=r"xray\.db fails: file is not a database") as told:
        open_database(uri)
    assert "mlp xray gather --all" in told.value.hint


def test_a_database_that_another_has_locked_is_told(uri: str, tmp_path: Path) -> None:
    database = open_database(uri)
    other = sqlite3.connect(tmp_path / "folder" / "xray.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with database.reading() as connection:
        connection.execute(text("PRAGMA busy_timeout = 10"))
    with pytest.raises(XrayError, match="database is locked"), database.writing():
        pass
    other.close()
    database.close()


def test_the_password_of_a_server_that_is_away_is_not_told() -> None:
    with pytest.raises(XrayError) as told:
        open_database("postgresql://ann:secret@127.0.0.1:1/xray")
    assert "postgresql://ann:…@127.0.0.1:1/xray fails" in told.value.message
    assert "secret" not in str(told.value)


def test_a_driver_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(XrayError, match="driver is not installed") as told:
        open_database("postgresql://ann:secret@127.0.0.1:1/xray")
    assert "uv sync --extra production" in told.value.hint
