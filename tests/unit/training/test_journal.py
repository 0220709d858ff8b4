"""Each attempt has an entry in the journal, and no training fails or waits for it."""

import threading
from collections.abc import Iterator

import pytest

from ml_platform.storage import Folder
from ml_platform.training.journal import (
    JOURNAL_FOLDER,
    entries_of,
    journal_days,
    note_attempt,
    read_entry,
)
from ml_platform.training.record import Attempt
from tests.support.gcs_double import GcsDouble, in_this_process
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer
from tests.unit.training.driver_acts import dies, drivers, succeeds
from tests.unit.training.one_head import Step, claim_of

DAY = "1970-01-01"


@pytest.fixture
def storage(step: Step) -> Folder:
    return Folder(step.wanted.storage_root)


@pytest.fixture
def bucket() -> Iterator[GcsDouble]:
    with GcsDouble() as bucket, in_this_process(bucket.environment):
        yield bucket


def numbers(storage: Folder) -> list[int]:
    return [read_entry(storage, path).number for path in entries_of(storage, DAY)]


def test_each_attempt_that_is_claimed_has_an_entry_newest_first(
    step: Step, server: RayJobsServer, storage: Folder
) -> None:
    server.driven_by(drivers(step.record, dies, succeeds))
    assert step.train().result.attempt == 2
    assert journal_days(storage) == [DAY]
    assert numbers(storage) == [2, 1]


def test_an_entry_says_whose_attempt_it_is_and_where_its_folder_is(
    step: Step, server: RayJobsServer, storage: Folder
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    (path,) = entries_of(storage, DAY)
    training = step.wanted.inputs_hash()
    assert path == f"{JOURNAL_FOLDER}/{DAY}/1000000-{training}-1.json"
    entry = read_entry(storage, path)
    assert (entry.model, entry.partition, entry.training, entry.number, entry.claimed_at_s) == (
        step.wanted.model,
        step.wanted.partition,
        training,
        1,
        1000.0,
    )
    assert (storage / entry.folder).uri == step.wanted.folder_uri


def test_whoever_goes_on_with_an_attempt_writes_the_entry_that_its_claimer_did_not(
    step: Step, server: RayJobsServer, first: Attempt, storage: Folder
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    assert numbers(storage) == []
    assert step.train().result.attempt == 1
    assert numbers(storage) == [1]


def test_the_entry_of_an_attempt_is_one_object_however_often_it_is_written(
    step: Step, first: Attempt, storage: Folder
) -> None:
    assert [note_attempt(step.wanted, claim_of(first)) for _ in range(2)] == ["", ""]
    assert numbers(storage) == [1]


def test_what_is_no_entry_is_left_out(storage: Folder) -> None:
    for name in (
        "2026-11-28/.1-ab-1.json.partial",
        "2026-11-28/notes.txt",
        "2026-13-01/1-ab-1.json",
    ):
        storage.write(f"{JOURNAL_FOLDER}/{name}", b"")
    assert journal_days(storage) == ["2026-11-28"]
    assert entries_of(storage, "2026-11-28") == []


def test_a_journal_that_cannot_be_written_is_told_and_fails_no_training(
    step: Step, server: RayJobsServer, storage: Folder
) -> None:
    storage.write("xray", b"a file where the journal's folder would be")
    server.driven_by(drivers(step.record, succeeds))
    assert step.train().result.attempt == 1
    (told,) = [line for line in step.lines if "X-Ray" in line]
    assert "entry of attempt 1 cannot be written" in told
    assert "`mlp xray gather --all`" in told


def test_a_storage_that_is_silent_for_the_journal_alone_delays_no_training(
    step: Step, server: RayJobsServer, bucket: GcsDouble
) -> None:
    answers = threading.Event()

    def be_silent(method: str, name: str) -> None:
        if JOURNAL_FOLDER in name:
            answers.wait(60)

    bucket.before = be_silent
    step.wanted = step.wanted.model_copy(update={"storage_root": "gs://bucket/root"})
    server.driven_by(drivers(step.record, succeeds))
    try:
        assert step.train().result.attempt == 1
    finally:
        answers.set()
    assert any("was not written within 1 s" in line for line in step.lines)
