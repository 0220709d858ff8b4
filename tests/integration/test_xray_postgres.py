"""X-Ray's store on a real PostgreSQL: as on SQLite, however many open it and gather at once."""

import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRead
from ml_platform.xray.database import VERSIONS, Database, open_database
from ml_platform.xray.gather import gather
from ml_platform.xray.prune import prune
from ml_platform.xray.sample_store import SamplesRead
from ml_platform.xray.samples import NodeUse, StepTimes
from ml_platform.xray.schema import METADATA, VERSION_TABLE
from ml_platform.xray.store import Store, open_store
from tests.support.postgres import NotInstalledError, Postgres, running_postgres
from tests.support.xray import AT_S, DAY_S, OUT_OF_MEMORY, Training, end, runs
from tests.unit.xray.conftest import CURRENT, NEWER, NEXT
from tests.unit.xray.test_store import attempt

pytestmark = pytest.mark.integration

PROCESSES: Final = multiprocessing.get_context("spawn")
AT_ONCE: Final = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except NotInstalledError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def uri(postgres: Postgres) -> Iterator[str]:
    """An empty database; nobody is left in it."""
    password = postgres.password.replace(" ", "%20")
    server = f"postgresql://{postgres.username}:{password}@{postgres.host}:{postgres.port}"
    uri = f"{server}/{postgres.database}"
    yield uri
    database = open_database(uri)
    with database.writing() as connection:
        METADATA.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    database.close()


@pytest.fixture
def settings(tmp_path: Path, uri: str) -> Settings:
    return Settings(home=tmp_path, xray_uri=uri)


def version(database: Database) -> str:
    with database.reading() as connection:
        return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar())


def opened_once(uri: str) -> str:
    database = open_database(uri)
    try:
        return version(database)
    finally:
        database.close()


def gathered(home: Path, uri: str, storage_root: str) -> int:
    with open_store(Settings(home=home, xray_uri=uri)) as store:
        return gather(store, storage_root, now=lambda: AT_S + DAY_S).new


def known(settings: Settings) -> list[Any]:
    with open_store(settings) as store:
        attempts = sorted(store.attempts(limit=1000), key=lambda one: one.key)
        events = store.events(attempts)
        return [(asdict(one), sorted(events[one.key].items())) for one in attempts]


def test_many_open_an_empty_database_at_once_and_find_the_tables_that_the_program_knows(
    uri: str,
) -> None:
    with ProcessPoolExecutor(AT_ONCE, mp_context=PROCESSES) as pool:
        assert list(pool.map(opened_once, [uri] * AT_ONCE)) == [CURRENT] * AT_ONCE
    database = open_database(uri)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "include_name": lambda name, kind, _: kind != "table" or name in METADATA.tables,
            },
        )
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_an_older_program_reads_and_writes_in_a_newer_database(uri: str, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(VERSIONS, newer, ignore=shutil.ignore_patterns("__pycache__"))
    (newer / f"v{NEWER}_cost.py").write_text(NEXT)
    newest = open_database(uri, versions=(newer,))
    older = open_database(uri)
    Store(newest, "local").keep([AttemptRead(attempt=attempt(1))], at_s=AT_S)
    Store(older, "local").keep([AttemptRead(attempt=attempt(2))], at_s=AT_S)
    for database in (older, newest):
        assert version(database) == NEWER
        assert len(Store(database, "local").attempts(limit=1000)) == 2
        database.close()


def test_processes_that_gather_at_once_come_to_what_sqlite_knows(
    settings: Settings, uri: str
) -> None:
    root = settings.storage_root
    for day in range(20):
        training = Training(storage_root=root, partition=f"2014-{day:04d}")
        at_s = AT_S - (day % 3) * DAY_S + day
        training.train(1, at_s=at_s, failure=OUT_OF_MEMORY)
        runs(training.claim(2, at_s=at_s + 700), at_s=at_s + 700)
    with ProcessPoolExecutor(AT_ONCE, mp_context=PROCESSES) as pool:
        tries = [pool.submit(gathered, settings.home, uri, root) for _ in range(AT_ONCE)]
        assert sum(one.result() for one in tries) >= 40
    assert gathered(settings.home, "", root) == 40
    assert known(settings) == known(Settings(home=settings.home))


def test_what_has_ended_is_never_open_again(settings: Settings) -> None:
    training = Training(storage_root=settings.storage_root)
    claimed = training.claim()
    gathered(settings.home, settings.xray_uri, training.storage_root)
    end(claimed, at_s=AT_S + 60, failure=OUT_OF_MEMORY)
    gathered(settings.home, settings.xray_uri, training.storage_root)
    with open_store(settings) as store:
        (ended,) = store.attempts(limit=1000)
        before = replace(ended, status="open", ended_at_s=None)
        store.keep([AttemptRead(attempt=before)], at_s=AT_S)
        assert store.attempts(limit=1000) == [ended]


def test_what_postgresql_refuses_is_left_out_of_a_text(settings: Settings) -> None:
    told = attempt(message="nul \0", evidence=("nul \0",))
    with open_store(settings) as store:
        store.keep([AttemptRead(attempt=told)], at_s=AT_S)
        (found,) = store.attempts(limit=1000)
    assert found.message == found.evidence[0] == "nul \N{REPLACEMENT CHARACTER}"


def test_questions_are_answered_as_on_sqlite(settings: Settings) -> None:
    several = [
        attempt(1, run="first", root="first", claimed_at_s=AT_S),
        attempt(
            2, run="retry", root="first", claimed_at_s=AT_S + 1, status="open", ended_at_s=None
        ),
        attempt(
            3,
            run="other",
            root="other",
            cause="user_code",
            status="failed",
            model="ltv",
            ready_at_s=AT_S + 4,
            ran_s=30.0,
            checkpoint_attempt=2,
            team="growth",
            backfill="abcdefgh",
        ),
    ]
    read = [AttemptRead(attempt=one) for one in several]
    answers = []
    for where in (settings, Settings(home=settings.home)):
        with open_store(where) as store:
            store.keep(read, at_s=AT_S)
            answers.append(
                (
                    store.attempts(limit=1000),
                    store.attempts(model="ltv", cause="user_code", since_s=AT_S, limit=5),
                    store.of_training("3f2a"),
                    store.of_run("retry"),
                    store.of_job("job-1"),
                    store.runs(beginning="ot", limit=5),
                    store.partitions(),
                    store.models(),
                    store.paid.times("model", since_s=AT_S, now_s=AT_S + 90),
                    store.paid.times("partition", now_s=AT_S + 90),
                    store.paid.times("run", model="ltv", now_s=AT_S + 90),
                    store.paid.times("cause", now_s=AT_S + 90),
                    store.paid.times("team", since_s=AT_S, now_s=AT_S + 90),
                    store.paid.times("backfill", now_s=AT_S + 90),
                    store.paid.since(AT_S + 5, now_s=AT_S + 90),
                    store.attempts(team="growth", backfill="abcdefgh", since_s=AT_S, limit=5),
                )
            )
    assert answers[0] == answers[1]
    assert [len(one) for one in answers[0]] == [3, 1, 3, 2, 1, 1, 2, 2, 2, 2, 1, 3, 2, 2, 1, 1]


def test_samples_are_merged_thinned_and_forgotten_as_on_sqlite(settings: Settings) -> None:
    # At a whole second: there the two databases cut one time into the same stretches.
    steps = [
        StepTimes(at_s=AT_S + 10 * number, rank=number % 2, node="a", batches=2, step_s=8.5)
        for number in range(90)
    ]
    uses = [
        NodeUse(at_s=AT_S + 15 * number, node="a", cpus=4.0, cpu_used=number % 3, is_head=False)
        for number in range(60)
    ]
    one = attempt(1)
    answers = []
    for where in (settings, Settings(home=settings.home)):
        with open_store(where) as store:
            newest = attempt(2, claimed_at_s=AT_S + 9 * DAY_S, ended_at_s=AT_S + 9 * DAY_S)
            store.keep([AttemptRead(attempt=each) for each in (one, newest)], at_s=AT_S)
            read = SamplesRead(key=one.key, object_name="a", samples=(*steps, *uses))
            for _ in range(2):
                store.sample_store.keep([read])
            assert [each.number for each in store.sample_store.unread()] == [2, 1]
            store.sample_store.note_all_read([one.key])
            fine, merged = store.samples(one), store.samples(one, every_s=300.0)
            now_s = AT_S + 10 * DAY_S
            thinned = prune(store, older_than_s=90 * DAY_S, now_s=now_s, dry_run=False)
            after = store.samples(one)
            gone = prune(store, older_than_s=8 * DAY_S, now_s=now_s, dry_run=False)
            answers.append((fine, merged, thinned, after, gone, store.samples(one)))
    assert answers[0] == answers[1]
    fine, merged, thinned, after, gone, _ = answers[0]
    assert (len(fine.steps), len(merged.steps), len(merged.nodes)) == (90, 6, 3)
    assert (after, thinned.thinned, len(gone.attempts)) == (merged, 1, 1)
