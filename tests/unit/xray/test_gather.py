"""What attempts left in storage is gathered once, whoever gathers and wherever that is cut off."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.training.journal import JOURNAL_FOLDER, note_attempt
from ml_platform.training.record import TrainingRecord
from ml_platform.xray.attempt import AttemptRead, Unreadable
from ml_platform.xray.database import Database, open_database
from ml_platform.xray.gather import Gathered, gather
from ml_platform.xray.parallel import Deadline
from ml_platform.xray.store import Store, open_store
from tests.support.gcs_double import GcsDouble, in_this_process
from tests.support.xray import AT_S, DAY_S, OUT_OF_MEMORY, Training, end, note, runs

PROCESSES: Final = multiprocessing.get_context("spawn")
NOON_S: Final = AT_S + DAY_S
"""Now, a day after the attempts."""


def gathered(store: Store, training: Training, **how: Any) -> Gathered:
    return gather(store, training.storage_root, now=lambda: NOON_S, **how)


def known(store: Store) -> list[Any]:
    """Everything that the store tells of attempts, as plain values in one order."""
    attempts = sorted(store.attempts(limit=1000), key=lambda one: one.key)
    events = store.events(attempts)
    return [(asdict(one), sorted(events[one.key].items())) for one in attempts]


def test_an_attempt_is_known_from_the_moment_of_its_claim(store: Store, training: Training) -> None:
    training.claim()
    assert gathered(store, training) == Gathered(new=1)
    (found,) = store.attempts(limit=1000)
    assert (found.status, found.model, found.partition) == ("open", "flight_delay", "2013-03-14")
    assert (found.run, found.claimed_at_s, found.ready_at_s) == ("run-1", AT_S, None)


def test_an_attempt_that_was_open_is_read_again_until_its_end(
    store: Store, training: Training
) -> None:
    attempt = training.claim()
    gathered(store, training)
    runs(attempt, at_s=AT_S)
    assert gathered(store, training) == Gathered(again=1)
    assert [one.ready_at_s for one in store.attempts(limit=1000)] == [AT_S + 60]
    end(attempt, at_s=AT_S + 690, failure=OUT_OF_MEMORY)
    assert gathered(store, training) == Gathered(again=1)
    (found,) = store.attempts(limit=1000)
    assert (found.status, found.cause, found.cause_place) == (
        "failed",
        "out_of_memory",
        "group workers",
    )
    assert len(store.events([found])[found.key]) == 7
    assert gathered(store, training) == Gathered()


def test_many_attempts_over_days_are_gathered_whatever_was_gathered_before(
    store: Store, training: Training
) -> None:
    for number in range(1, 8):
        at_s = AT_S - (7 - number) * DAY_S
        training.train(number, at_s=at_s)
        assert gather(store, training.storage_root, now=partial(float, at_s)).new == 1
    assert len(store.attempts(limit=1000)) == 7


def test_an_entry_that_comes_two_days_late_is_found(store: Store, training: Training) -> None:
    training.train(2)
    gathered(store, training)
    training.claim(1, at_s=AT_S - 2 * DAY_S)
    assert gathered(store, training).new == 1


def test_a_day_of_the_future_hides_no_day_before_it(store: Store, training: Training) -> None:
    training.train(1, at_s=AT_S + 400 * DAY_S)
    gathered(store, training)
    training.train(2)
    assert gathered(store, training).new == 1


def test_trainings_of_before_the_journal_are_found_by_the_walk(
    store: Store, training: Training
) -> None:
    training.train(journal=False)
    (Folder(training.storage_root) / "trainings").write("notes.txt", b"somebody's")
    assert gathered(store, training) == Gathered()
    assert gathered(store, training, everything=True) == Gathered(new=1)
    assert gathered(store, training, everything=True) == Gathered(again=1)


def test_equal_trainings_of_two_partitions_are_two(store: Store, training: Training) -> None:
    claim = training.train().claim()
    assert claim is not None
    gathered(store, training)
    other = training.request.model_copy(update={"partition": "2013-03-15"})
    assert other.inputs_hash() == training.request.inputs_hash()
    again = claim.model_copy(update={"claimed_at_s": AT_S + 1})
    TrainingRecord(other.folder_uri).claim(again)
    note_attempt(other, again)
    assert [gathered(store, training).new for _ in range(2)] == [1, 0]
    assert {one.partition for one in store.attempts(limit=9)} == {"2013-03-14", "2013-03-15"}


def test_two_trainings_of_one_partition_are_two(store: Store, training: Training) -> None:
    training.train()
    Training(storage_root=training.storage_root, retrain="run-2").train()
    assert gathered(store, training).new == 2


@pytest.mark.parametrize("content", [b"", b'{"number": 1', b"[]", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["claim.json", "ended.json", "events"])
def test_an_object_that_cannot_be_read_is_told_once_and_tried_again(
    store: Store, training: Training, name: str, content: bytes
) -> None:
    attempt = training.train(failure=OUT_OF_MEMORY)
    Training(storage_root=training.storage_root, partition="2013-03-15").train()
    name = f"events/{attempt.event_names()[0]}" if name == "events" else name
    kept = attempt.folder.read(name)
    attempt.folder.write(name, content)
    first = gathered(store, training)
    assert [one.object_uri for one in first.unreadable] == [f"{attempt.folder.uri}/{name}"]
    assert "2013-03-15" in {one.partition for one in store.attempts(limit=1000)}
    assert gathered(store, training).unreadable == ()

    attempt.folder.write(name, kept)
    gathered(store, training)
    assert store.gathering.unreadable(10) == []
    (found,) = store.of_partition("flight_delay", training.partition)
    assert (found.status, len(store.events([found])[found.key])) == ("failed", 8)


def test_an_entry_of_the_journal_that_cannot_be_read_is_told_once_and_tried_again(
    store: Store, training: Training
) -> None:
    training.train()
    storage = Folder(training.storage_root)
    (day,) = storage.names(JOURNAL_FOLDER)
    (name,) = storage.names(f"{JOURNAL_FOLDER}/{day}")
    path = f"{JOURNAL_FOLDER}/{day}/{name}"
    kept = storage.read(path)
    storage.write(path, b"{")
    assert [one.object_uri for one in gathered(store, training).unreadable] == [
        f"{storage.uri}/{path}"
    ]
    assert gathered(store, training).unreadable == ()
    storage.write(path, kept)
    assert gathered(store, training).new == 1
    assert store.gathering.unreadable(10) == []


def test_an_entry_that_leads_nowhere_is_told_once_and_hides_no_other(
    store: Store, training: Training
) -> None:
    training.train()
    storage = Folder(training.storage_root)
    (day,) = storage.names(JOURNAL_FOLDER)
    (name,) = storage.names(f"{JOURNAL_FOLDER}/{day}")
    entry = storage.read_json(f"{JOURNAL_FOLDER}/{day}/{name}")
    for number, folder in enumerate(("gs://[", "..", "")):
        storage.write_json(
            f"{JOURNAL_FOLDER}/{day}/9{number}-ab-1.json", entry | {"folder": folder}
        )
    found = gathered(store, training)
    assert (found.new, len(found.unreadable), found.trouble) == (1, 3, "")
    assert gathered(store, training).unreadable == ()


def test_a_training_that_was_removed_is_told_once_and_what_was_known_of_it_stays(
    store: Store, training: Training
) -> None:
    training.claim()
    gathered(store, training)
    training.record.folder.remove()
    (told,) = gathered(store, training).unreadable
    assert (told.object_uri.rsplit("/", 1)[-1], told.reason) == ("claim.json", "it is not there")
    assert gathered(store, training).unreadable == ()
    assert len(store.attempts(limit=1000)) == 1


def test_what_there_is_no_time_for_is_done_next_time(store: Store, training: Training) -> None:
    training.train()
    none = gathered(store, training, deadline=Deadline(0))
    assert (none.new, "did not answer in time" in none.trouble) == (0, True)
    assert gathered(store, training).new == 1


class DiesError(Exception):
    """Stands for whatever ends a process."""


class MortalStore(Store):
    """Dies when it is to keep the attempts of this turn."""

    def __init__(self, database: Database, namespace: str, *, dies_at: int) -> None:
        super().__init__(database, namespace)
        self.dies_at = dies_at

    def keep(self, read: Sequence[AttemptRead], *, at_s: float) -> tuple[Unreadable, ...]:
        self.dies_at -= 1
        if self.dies_at == 0:
            raise DiesError
        return super().keep(read, at_s=at_s)


@pytest.fixture
def many(training: Training) -> Training:
    """120 attempts of 40 trainings on three days; some go on."""
    for day in range(40):
        one = Training(storage_root=training.storage_root, partition=f"2014-{day:04d}")
        at_s = AT_S - (day % 3) * DAY_S + day
        one.train(1, at_s=at_s, failure=OUT_OF_MEMORY)
        one.train(2, at_s=at_s + 700, failure=OUT_OF_MEMORY)
        runs(one.claim(3, at_s=at_s + 1400), at_s=at_s + 1400)
    return training


@pytest.fixture
def in_one_pass(many: Training, settings: Settings) -> list[Any]:
    """What a store knows that was filled without an accident."""
    other = settings.model_copy(update={"home": settings.home / "other"})
    with open_store(other) as store:
        assert gathered(store, many).new == 120
        return known(store)


@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_gathering_that_is_cut_off_anywhere_comes_to_the_same_in_the_end(
    store: Store, settings: Settings, many: Training, in_one_pass: list[Any], dies_at: int
) -> None:
    database = open_database(settings.xray_database)
    with pytest.raises(DiesError):
        gathered(MortalStore(database, settings.namespace, dies_at=dies_at), many)
    database.close()
    assert len(store.attempts(limit=1000)) == (dies_at - 1) * 50
    gathered(store, many)
    assert known(store) == in_one_pass
    gathered(store, many)
    assert known(store) == in_one_pass


def gather_in_a_process(home: Path, storage_root: str, dies_at: int) -> int:
    """Gather, and be killed in the transaction of this turn."""
    with open_store(Settings(home=home)) as store:
        turns = 0

        def killed(done: int, of: int) -> None:
            nonlocal turns
            turns += 1
            if turns == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

        return gather(store, storage_root, now=lambda: NOON_S, tell=killed).new


def test_processes_that_gather_at_once_come_to_what_one_would(
    store: Store, settings: Settings, many: Training, in_one_pass: list[Any]
) -> None:
    with ProcessPoolExecutor(3, mp_context=PROCESSES) as pool:
        tries = [
            pool.submit(gather_in_a_process, settings.home, many.storage_root, 0) for _ in range(3)
        ]
        assert sum(one.result() for one in tries) >= 120
    assert known(store) == in_one_pass


def test_a_process_that_is_killed_leaves_whole_attempts_to_go_on_from(
    store: Store, settings: Settings, many: Training, in_one_pass: list[Any]
) -> None:
    process = PROCESSES.Process(
        target=gather_in_a_process, args=(settings.home, many.storage_root, 2)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(store.attempts(limit=1000)) == 100
    gathered(store, many)
    assert known(store) == in_one_pass


@pytest.fixture
def bucket() -> Iterator[GcsDouble]:
    with GcsDouble() as bucket, in_this_process(bucket.environment):
        yield bucket


def test_in_a_bucket_it_costs_what_is_new_and_not_what_there_is(
    store: Store, bucket: GcsDouble
) -> None:
    training = Training(storage_root="gs://bucket/root")
    for number in range(1, 21):
        training.train(number, at_s=AT_S + number)
    assert gathered(store, training).new == 20

    bucket.requests.clear()
    assert gathered(store, training) == Gathered()
    nothing_new = len(bucket.requests)
    training.train(21, at_s=AT_S + 21)
    bucket.requests.clear()
    assert gathered(store, training).new == 1
    assert nothing_new <= 2
    assert {name.split("/attempts/")[1][:4] for name in bucket.requests if "attempts" in name} == {
        "0021"
    }


def test_a_storage_that_is_silent_is_waited_for_no_longer_than_was_said(
    store: Store, bucket: GcsDouble
) -> None:
    training = Training(storage_root="gs://bucket/root")
    training.train()
    answers = threading.Event()

    def be_silent(method: str, name: str) -> None:
        answers.wait(60)

    bucket.before = be_silent
    try:
        told = gathered(store, training, deadline=Deadline(0.2))
    finally:
        answers.set()
    assert told.trouble == "the storage gs://bucket/root did not answer in time"


def test_events_are_read_once(store: Store, bucket: GcsDouble) -> None:
    training = Training(storage_root="gs://bucket/root")
    attempt = training.claim()
    note(attempt, "cluster", "began", AT_S)
    gathered(store, training)
    note(attempt, "cluster", "happened", AT_S + 5, detail="queued: 3 are before it")
    bucket.requests.clear()
    gathered(store, training)
    read = [one for one in bucket.requests if "/events/" in one]
    assert len(read) == 1
    assert "happened" in read[0]
