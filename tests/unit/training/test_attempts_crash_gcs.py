"""As `test_attempts_crash`, in object storage: the real gcsfs, and a double of the JSON API."""

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.attempts.audit import broken_by_claim
from tests.support.attempts.comers import come
from tests.support.attempts.deaths import JOIN_S, after_each_death
from tests.support.attempts.head import TrainingHead
from tests.support.attempts.world import World, new_world
from tests.support.gcs_double import BUCKET, GcsDouble, in_this_process

# Code, request, claim, ready and end.
FEWEST_ACTS = 5


class Bucket(GcsDouble):
    """Kills a process before the object of a chosen number is written or removed.

    Attributes:
        victim: The process.
        kills_at: The number, from 1.
        broken: Claims that should not have been written.
    """

    def __init__(self, head: TrainingHead) -> None:
        super().__init__()
        self.victim = self.kills_at = self.changes = 0
        self.broken: list[str] = []
        self.before = self._look
        self._head = head

    def aim(self, pid: int, act: int) -> None:
        self.changes, self.kills_at, self.victim = 0, act, pid

    def _look(self, method: str, name: str) -> None:
        if name.endswith("/claim.json") and method == "POST" and name not in self.objects:
            training = name.split("/attempts/")[0]
            beside = [one.removeprefix(f"{training}/") for one in self.objects]
            self.broken += broken_by_claim(beside, name)
        # Events decide nothing.
        if method == "GET" or not self.victim or self._head.driving or "/events/" in name:
            return
        self.changes += 1
        if self.changes == self.kills_at:
            os.kill(self.victim, signal.SIGKILL)
            raise ConnectionError


@pytest.fixture(scope="module")
def head() -> Iterator[TrainingHead]:
    with TrainingHead() as head:
        yield head


@pytest.fixture(scope="module")
def bucket(head: TrainingHead) -> Iterator[Bucket]:
    with Bucket(head) as bucket, in_this_process(bucket.environment):
        yield bucket


@pytest.fixture
def new(head: TrainingHead, bucket: Bucket, tmp_path: Path) -> Callable[[], World]:
    return partial(new_world, head, tmp_path, storage=f"gs://{BUCKET}", environ=bucket.environment)


@pytest.fixture
def world(new: Callable[[], World]) -> World:
    return new()


def before_object(bucket: Bucket, world: World, act: int) -> int:
    """Killed before the object of this number is written, or removed."""
    gate = world.home / "gate"
    process = world.send(starts_when=gate)
    assert process.pid is not None
    bucket.aim(process.pid, act)
    gate.touch()
    process.join(JOIN_S)
    bucket.victim = 0
    assert process.exitcode is not None
    return process.exitcode


def test_a_killed_comer_is_followed_by_one_with_more_memory_and_one_training_is_done(
    new: Callable[[], World], bucket: Bucket
) -> None:
    acts, wrong = after_each_death(
        new, partial(before_object, bucket), second=lambda world: world.with_memory("8Gi")
    )

    assert wrong == {}
    assert bucket.broken == []
    assert acts >= FEWEST_ACTS


@pytest.mark.parametrize("count", [2, 5])
def test_those_who_come_at_once_end_with_one_training(
    world: World, bucket: Bucket, count: int
) -> None:
    gate = world.home / "gate"
    processes = [world.send(starts_when=gate, run=f"run-{one}") for one in range(count)]
    gate.touch()
    for process in processes:
        process.join(JOIN_S)

    assert [process.exitcode for process in processes] == [0] * count
    assert world.once() == []
    assert bucket.broken == []


def test_an_answer_that_is_lost_does_not_make_a_claim_somebody_elses(
    world: World, bucket: Bucket
) -> None:
    """gcsfs asks again and is told that the object is there: it is the one that it made."""
    lost: list[str] = []

    def lose_first_answer(method: str, name: str) -> None:
        if name.endswith("/claim.json") and method == "POST" and not lost:
            lost.append(name)
            raise ConnectionError

    bucket.after = lose_first_answer
    done = come(world.request, world.provisioner())

    assert lost
    assert world.once(done) == []
