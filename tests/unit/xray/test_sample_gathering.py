"""Samples of attempts are gathered once, after the attempts and in the time that is left."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pytest

from ml_platform.xray.gather import Gathered, gather
from ml_platform.xray.parallel import Deadline
from ml_platform.xray.sample_gathering import SETTLED_S, SamplesGathered, gather_samples
from ml_platform.xray.samples import NodeUse, StepTimes
from ml_platform.xray.store import Store
from tests.support.gcs_double import GcsDouble, in_this_process
from tests.support.xray import AT_S, DAY_S, Training, end, measure

NOON_S: Final = AT_S + DAY_S


def gathered(store: Store, training: Training, **how: Any) -> Gathered:
    return gather(store, training.storage_root, **{"now": lambda: NOON_S} | how)


def step(number: int, rank: int = 0) -> StepTimes:
    return StepTimes(at_s=AT_S + 10 * number, rank=rank, node="10.0.0.7", batches=4, step_s=8.0)


def use(number: int) -> NodeUse:
    return NodeUse(at_s=AT_S + 15 * number, node="10.0.0.7", cpus=4, cpu_used=2.5)


def test_what_workers_and_nodes_measured_comes_with_the_attempt(
    store: Store, training: Training
) -> None:
    attempt = training.train()
    measure(attempt, "worker-0", step(1), step(2))
    measure(attempt, "worker-1", step(1, rank=1))
    measure(attempt, "nodes", use(1))
    assert gathered(store, training) == Gathered(new=1, samples=3)
    (found,) = store.attempts(limit=9)
    samples = store.samples(found)
    assert samples.steps == (step(1), step(1, rank=1), step(2))
    assert samples.nodes == (use(1),)


def test_a_training_that_goes_on_is_looked_at_again_and_each_object_read_once(
    store: Store, training: Training
) -> None:
    attempt = training.claim()
    counts = []
    for number in range(1, 4):
        measure(attempt, "worker-0", step(number))
        counts.append(gathered(store, training).samples)
    assert counts == [1, 1, 1]
    (found,) = store.attempts(limit=9)
    assert len(store.samples(found).steps) == 3


def test_after_its_end_an_attempt_is_not_looked_at_any_more(
    store: Store, training: Training
) -> None:
    attempt = training.claim()
    end(attempt, at_s=NOON_S - SETTLED_S + 1)
    measure(attempt, "worker-0", step(1))
    assert gathered(store, training).samples == 1
    measure(attempt, "worker-0", step(2))  # written late
    assert gathered(store, training, now=lambda: NOON_S + 60).samples == 1
    measure(attempt, "worker-0", step(3))
    assert gathered(store, training, now=lambda: NOON_S + 60).samples == 0


def test_what_is_gathered_twice_counts_once(store: Store, training: Training) -> None:
    attempt = training.claim()
    measure(attempt, "worker-0", step(1), step(2))
    gathered(store, training)
    measure(attempt, "worker-0-again", step(1), step(2))
    assert gathered(store, training).samples == 1
    (found,) = store.attempts(limit=9)
    assert store.samples(found).steps == (step(1), step(2))


def test_an_object_that_cannot_be_read_is_passed_over_and_hides_nothing(
    store: Store, training: Training
) -> None:
    attempt = training.train()
    measure(attempt, "worker-0", step(1))
    samples = attempt.folder / "samples"
    samples.write("worker-0/1.jsonl", b"\xff{\n")
    (samples / "worker-0" / "2.jsonl").write("a folder", b"")
    samples.write("worker-1/.3.jsonl.0a.partial", b"")
    samples.write("notes.txt", b"somebody's")
    assert gathered(store, training) == Gathered(new=1, samples=3)
    (found,) = store.attempts(limit=9)
    assert store.samples(found).steps == (step(1),)


def test_who_only_lists_does_not_wait_for_samples(store: Store, training: Training) -> None:
    measure(training.train(), "worker-0", step(1))
    assert gathered(store, training, samples=False) == Gathered(new=1)
    assert gathered(store, training) == Gathered(samples=1)


def test_without_time_the_attempts_come_and_the_samples_next_time(
    store: Store, training: Training
) -> None:
    measure(training.train(), "worker-0", step(1))
    gathered(store, training, samples=False)
    told = gathered(store, training, deadline=Deadline(0), now=lambda: NOON_S)
    assert (told.samples, told.trouble != "") == (0, True)
    assert gather_samples(store.sample_store, deadline=Deadline(0), now=partial(float, NOON_S)) == (
        SamplesGathered(trouble="the time was over with samples to read")
    )
    assert gathered(store, training).samples == 1


def test_of_one_attempt_alone_where_one_is_asked_about(store: Store, training: Training) -> None:
    for number in (1, 2):
        measure(training.train(number, at_s=AT_S + number), "worker-0", step(number))
    gathered(store, training, samples=False)
    first = store.of_partition("flight_delay", "2013-03-14")[-1]
    for read in (1, 0):
        told = gather_samples(store.sample_store, [first], now=partial(float, NOON_S))
        assert told == SamplesGathered(objects=read)
    assert store.samples(first).steps == (step(1),)


@pytest.fixture
def bucket() -> Iterator[GcsDouble]:
    with GcsDouble() as bucket, in_this_process(bucket.environment):
        yield bucket


def test_the_newest_attempt_and_its_newest_hours_come_first(
    store: Store, bucket: GcsDouble
) -> None:
    training = Training(storage_root="gs://bucket/root")
    for number in (1, 2):
        attempt = training.train(number, at_s=AT_S + number)
        for rank in range(2):
            for moment in range(1, 20):
                measure(attempt, f"worker-{rank}", step(moment, rank=rank))
    gathered(store, training, samples=False)
    bucket.requests.clear()
    assert gathered(store, training).samples == 76
    read = [one for one in bucket.requests if one.endswith(".jsonl")]
    oldest = f"{(AT_S + 10) * 1000:.0f}"
    # Sixteen are asked for at once.
    assert not [one for one in read[:16] if "/0001/" in one or oldest in one]
    bucket.requests.clear()
    assert gathered(store, training).samples == 0
    assert not [one for one in bucket.requests if "samples" in one]


def test_a_storage_that_is_silent_is_waited_for_no_longer_than_was_said(
    store: Store, bucket: GcsDouble
) -> None:
    training = Training(storage_root="gs://bucket/root")
    measure(training.train(), "worker-0", step(1))
    gathered(store, training, samples=False)
    answers = threading.Event()

    def be_silent(method: str, name: str) -> None:
        answers.wait(60)

    bucket.before = be_silent
    try:
        told = gather_samples(store.sample_store, deadline=Deadline(0.2))
    finally:
        answers.set()
    assert told == SamplesGathered(trouble="the time was over with samples to read")
