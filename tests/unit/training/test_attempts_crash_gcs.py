"""As `test_attempts_crash`, in object storage: the real gcsfs, and a double of the JSON API."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.attempts.bucket import (
    BucketWatch,
    lose_first_answer_to_a_claim,
)
from tests.support.attempts.comers import come
from tests.support.attempts.deaths import after_each_death
from tests.support.attempts.head import TrainingHead
from tests.support.attempts.world import World, new_world
from tests.support.gcs_double import BUCKET, GcsDouble, in_this_process

# Code, request, claim, ready and end.
FEWEST_ACTS = 5


@pytest.fixture(scope="module")
def head() -> Iterator[TrainingHead]:
    with TrainingHead() as head:
        yield head


@pytest.fixture(scope="module")
def bucket() -> Iterator[GcsDouble]:
    with GcsDouble() as bucket, in_this_process(bucket.environment):
        yield bucket


@pytest.fixture
def watch(bucket: GcsDouble, head: TrainingHead) -> BucketWatch:
    return BucketWatch(bucket, head)


@pytest.fixture
def new(head: TrainingHead, bucket: GcsDouble, tmp_path: Path) -> Callable[[], World]:
    return partial(new_world, head, tmp_path, storage=f"gs://{BUCKET}", environ=bucket.environment)


@pytest.fixture
def world(new: Callable[[], World]) -> World:
    return new()


def test_a_killed_comer_is_followed_by_one_with_more_memory_and_one_training_is_done(
    new: Callable[[], World], watch: BucketWatch
) -> None:
    acts, wrong = after_each_death(
        new, watch.before_object, second=lambda world: world.with_memory("8Gi")
    )

    assert wrong == {}
    assert watch.broken == []
    assert acts >= FEWEST_ACTS


@pytest.mark.parametrize("count", [2, 5])
def test_those_who_come_at_once_end_with_one_training(
    world: World, watch: BucketWatch, count: int
) -> None:
    assert world.send_at_once(count) == [0] * count
    assert world.once() == []
    assert watch.broken == []


def test_an_answer_that_is_lost_does_not_make_a_claim_somebody_elses(
    world: World, bucket: GcsDouble
) -> None:
    """gcsfs asks again and is told that the object is there: it is the one that it made."""
    lost = lose_first_answer_to_a_claim(bucket)
    done = come(world.request, world.provisioner())

    assert lost
    assert world.once(done) == []
