"""X-Ray's answers out of a store with many attempts, and what it costs to gather some more."""

import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from sqlalchemy import select

from ml_platform.settings import Settings
from ml_platform.xray.database import open_database
from ml_platform.xray.find import find_attempt, find_attempts
from ml_platform.xray.gather import gather
from ml_platform.xray.listing import details, listed, told
from ml_platform.xray.metrics import exposition, known
from ml_platform.xray.prices import Prices
from ml_platform.xray.schema import ATTEMPTS
from ml_platform.xray.store import Store, open_store
from tests.benchmarks.tables import print_table
from tests.benchmarks.xray_pages import print_pages, print_search
from tests.benchmarks.xray_store import MODELS, OPEN, THERE, fill, fill_samples
from tests.support.xray import AT_S, DAY_S, OUT_OF_MEMORY, Training

NEW: Final = 100
QUESTIONS: Final = 200


def measure_xray(repeats: int) -> None:
    """Fill a store, ask it, gather into it, search a log, and print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with open_store(settings) as store:
            fill(store, settings)
            _print_answers(store, settings)
            _print_gathering(store, settings, repeats)
        database = open_database(settings.xray_database)
        samples = fill_samples(database)
        database.close()
        with open_store(settings) as store:
            print_pages(store, settings, of=f"{THERE:,} attempts, {samples:,} samples, SQLite")
        print_search(Path(folder), repeats)


def _print_answers(store: Store, settings: Settings) -> None:
    database = open_database(settings.xray_database)
    which = count(1)

    def plain() -> None:
        wanted = ATTEMPTS.c.training == f"{next(which) * 7 % (THERE // 2 - OPEN):016x}"
        with database.reading() as connection:
            connection.execute(
                select(ATTEMPTS).where(ATTEMPTS.c.namespace == settings.namespace, wanted)
            ).all()

    def ls() -> None:
        listed(store, store.attempts(limit=20 + next(which) % 2), now_s=AT_S)

    def ls_of_model() -> None:
        model = f"model_{next(which) % MODELS}"
        listed(store, store.attempts(model=model, since_s=AT_S - 9 * DAY_S, limit=20), now_s=AT_S)

    def show() -> None:
        found = find_attempt(store, f"{next(which) * 7 % (THERE // 2 - OPEN):016x}-1")
        details(store, found, now_s=AT_S)

    def why() -> None:
        found = find_attempts(store, f"run-{next(which) * 7 % (THERE // 2 - OPEN)}")
        told(store, found, now_s=AT_S)

    def metrics() -> None:
        now_s = AT_S + next(which)
        exposition(
            known(store, settings.storage_root, prices=Prices(), has_trouble=False, now_s=now_s)
        )

    questions = {
        "a plain `SELECT` of one training": plain,
        "`ls`": ls,
        "`ls --model --since`": ls_of_model,
        "`show`": show,
        "`why`": why,
        "`/metrics`": metrics,
    }
    took = {name: _milliseconds(ask) for name, ask in questions.items()}
    database.close()
    base = median(took["a plain `SELECT` of one training"])
    print_table(
        (f"{THERE:,} attempts, SQLite", "median, ms", "p95, ms", "of the plain one"),
        [
            (
                name,
                f"{median(ms):.1f}",
                f"{quantiles(ms, n=20)[-1]:.1f}",
                f"{median(ms) / base:.1f}",
            )
            for name, ms in took.items()
        ],
    )


def _print_gathering(store: Store, settings: Settings, repeats: int) -> None:
    nothing, new = [], []
    for turn in range(repeats):
        nothing.append(_gathered_s(store, settings, turn, new=0))
        for number in range(NEW):
            training = Training(storage_root=settings.storage_root, retrain=f"{turn} {number}")
            training.train(at_s=AT_S + 100 * turn + number, failure=OUT_OF_MEMORY)
        new.append(_gathered_s(store, settings, turn, new=NEW))
    print_table(
        (f"gathering into {THERE:,} attempts, {OPEN} of which go on", "seconds"),
        [("nothing new", f"{median(nothing):.2f}"), (f"{NEW} new ones", f"{median(new):.2f}")],
    )


def _gathered_s(store: Store, settings: Settings, turn: int, *, new: int) -> float:
    began = time.perf_counter()
    found = gather(store, settings.storage_root, now=lambda: AT_S + turn)
    took = time.perf_counter() - began
    assert (found.new, found.trouble) == (new, "")
    return took


def _milliseconds(ask: Callable[[], None]) -> list[float]:
    took = []
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - began))
    return took
