"""A store of X-Ray as large as that of a year: attempts, their samples, and logs of a GB each."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Text, cast, delete, func, insert, literal, select, true

from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.training.journal import JOURNAL_FOLDER
from ml_platform.training.telemetry.log_archive import LOG_FOLDER, MOST_BYTES
from ml_platform.xray.attempt import AttemptRead
from ml_platform.xray.database import Database
from ml_platform.xray.gather import gather
from ml_platform.xray.reading import AttemptRef, read_attempt
from ml_platform.xray.rows import key_columns
from ml_platform.xray.schema import ATTEMPTS, NODE_USE, SAMPLED, STEP_TIMES
from ml_platform.xray.store import Store
from tests.support.xray import AT_S, DAY_S, OUT_OF_MEMORY, Training, runs

THERE: Final = 10_000
A_DAY: Final = 100
OPEN: Final = 20
"""Of them go on."""
MODELS: Final = 10
WRITTEN_AT_ONCE: Final = 500
RANKS: Final = 2
NODES: Final = 3
MOMENTS: Final = 100
"""Samples of each worker and node of an attempt: 500 of an attempt, 5 million in all."""
EVERY_S: Final = 6
LINE: Final = (
    b"\x1b[36m(RayTrainWorker pid=%07d, ip=10.0.0.%d)\x1b[0m epoch %d batch %07d: loss 0.3141\n"
)


def fill(store: Store, settings: Settings) -> None:
    """Attempts of as many days as it takes; those that go on lie in storage too."""
    attempts = _attempts(settings)
    while batch := list(islice(attempts, WRITTEN_AT_ONCE)):
        store.keep(batch, at_s=AT_S)
    for number in range(OPEN):
        training = Training(storage_root=settings.storage_root, retrain=f"open {number}")
        runs(training.claim(at_s=AT_S + number), at_s=AT_S + number)
    gather(store, settings.storage_root, now=lambda: AT_S)


def fill_samples(database: Database) -> int:
    """What each attempt has measured while it ran, all of it read; returns how many samples.

    Written by the database out of its attempts: from here 5 million rows take ten minutes.
    """
    who, moment = _numbers("who", max(RANKS, NODES)), _numbers("moment", MOMENTS)
    key = (ATTEMPTS.c.namespace, *key_columns(ATTEMPTS))
    at_s = (ATTEMPTS.c.claimed_at_s + 90.0 + EVERY_S * moment.c.n).label("at_s")
    step_times = {
        "rank": who.c.n,
        "node": literal("10.0.0.1"),
        "epoch": moment.c.n // 20,
        "batches": literal(20),
        "rows": literal(20_480),
        **_all_of(1.0, "data_s", "cpu_s", "checkpoint_s"),
        "step_s": literal(5.0),
    }
    node_use = {
        "node": cast(who.c.n, Text),
        "is_head": who.c.n == 0,
        **_all_of(0.5, "cpu_used", "gpus", "gpu_used"),
        **_all_of(4e9, *(one.name for one in NODE_USE.c if one.name.endswith("_bytes"))),
        "cpus": literal(4.0),
    }
    written = 0
    with database.writing() as connection:
        for table, count, columns in (
            (STEP_TIMES, RANKS, step_times),
            (NODE_USE, NODES, node_use),
        ):
            names = [*(one.name for one in key), "at_s", *columns]
            query = (
                select(*key, at_s, *columns.values())
                .select_from(ATTEMPTS.join(moment, true()).join(who, who.c.n < count))
                .order_by(*key, who.c.n, at_s)
            )
            connection.execute(insert(table).from_select(names, query))
            written += connection.execute(select(func.count()).select_from(table)).scalar_one()
        ended = select(*key, literal(0.0)).where(ATTEMPTS.c.status != "open")
        names = [*(one.name for one in key), "every_s"]
        connection.execute(delete(SAMPLED))  # gathering has looked for some, and noted it
        connection.execute(insert(SAMPLED).from_select(names, ended))
    return written


def fill_log(attempt: Folder, size_bytes: int, *, last: bytes) -> None:
    """A log in segments as large as they become, of which the last line alone has a text."""
    lines = [LINE % (number % 7, number % 7, number // 5000, number) for number in range(60_000)]
    block = b"".join(lines)[:MOST_BYTES]
    block = block[: block.rfind(b"\n") + 1]
    at = 0
    while at < size_bytes:
        attempt.write(f"{LOG_FOLDER}/{at:015d}.log", block)
        at += len(block)
    attempt.write(f"{LOG_FOLDER}/{at:015d}.log", last)


def _attempts(settings: Settings) -> Iterator[AttemptRead]:
    """Copies of one that failed and one that did not, each with its entry in the journal."""
    example = Training(storage_root=settings.storage_root, retrain="example")
    example.train(1, failure=OUT_OF_MEMORY, journal=False)
    example.train(2, journal=False)
    uri = example.request.folder_uri
    reads = [read_attempt(AttemptRef(folder_uri=uri, number=number)) for number in (1, 2)]
    journal = Folder(settings.storage_root) / JOURNAL_FOLDER
    for number in range(THERE - OPEN):
        read = reads[number % 2]
        assert read.attempt is not None
        at_s = AT_S - DAY_S * (number // A_DAY) - number % A_DAY
        attempt = replace(
            read.attempt,
            training=f"{number // 2:016x}",
            model=f"model_{number % MODELS}",
            partition=f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}",
            run=f"run-{number // 2}",
            root=f"run-{number // 2}",
            claimed_at_s=at_s,
            ended_at_s=at_s + 690,
        )
        journal.write(
            f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}/{round(at_s * 1000)}-{attempt.id}.json",
            b"{}",
        )
        yield replace(read, attempt=attempt)


def _all_of(value: float, *names: str) -> dict[str, Any]:
    return {name: literal(value) for name in names}


def _numbers(name: str, count: int) -> Any:
    """A table of the numbers below `count`, as `n`."""
    first = select(literal(0).label("n")).cte(name, recursive=True)
    return first.union_all(select(first.c.n + 1).where(first.c.n < count - 1))
