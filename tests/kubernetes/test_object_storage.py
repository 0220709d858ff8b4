"""A training is done once, wherever a process dies: on a server of object storage.

As `tests/unit/training/test_attempts_crash_gcs.py`, where a double of the bucket is one of ours.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.kubernetes.faults.storage_proxy import StorageProxy
from tests.kubernetes.testbed import object_storage
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.bucket import (
    BucketWatch,
    lose_first_answer_to_a_claim,
)
from tests.support.attempts.comers import come
from tests.support.attempts.deaths import after_each_death
from tests.support.attempts.head import TrainingHead
from tests.support.attempts.world import World, new_world
from tests.support.gcs_double import in_this_process

pytestmark = pytest.mark.kubernetes

# Code, request, claim, ready and end.
FEWEST_ACTS = 5


@pytest.fixture(scope="module")
def head() -> Iterator[TrainingHead]:
    with TrainingHead() as head:
        yield head


@pytest.fixture(scope="module")
def bucket_name(node: Node) -> str:
    return object_storage.make_bucket("trainings")


@pytest.fixture(scope="module")
def storage(bucket_name: str) -> Iterator[StorageProxy]:
    with (
        StorageProxy(object_storage.URL, bucket_name) as storage,
        in_this_process(storage.environment),
    ):
        yield storage


@pytest.fixture
def watch(storage: StorageProxy, head: TrainingHead) -> BucketWatch:
    return BucketWatch(storage, head)


@pytest.fixture
def new(
    head: TrainingHead, storage: StorageProxy, bucket_name: str, tmp_path: Path
) -> Callable[[], World]:
    return partial(
        new_world, head, tmp_path, storage=f"gs://{bucket_name}", environ=storage.environment
    )


def test_a_killed_comer_is_followed_by_one_with_more_memory_and_one_training_is_done(
    new: Callable[[], World], watch: BucketWatch
) -> None:
    acts, wrong = after_each_death(
        new, watch.before_object, second=lambda world: world.with_memory("8Gi")
    )

    assert wrong == {}
    assert watch.broken == []
    assert acts >= FEWEST_ACTS


def test_those_who_come_at_once_end_with_one_training(
    new: Callable[[], World], watch: BucketWatch
) -> None:
    world = new()
    assert world.send_at_once(5) == [0] * 5
    assert world.once() == []
    assert watch.broken == []


def test_an_answer_that_is_lost_does_not_make_a_claim_somebody_elses(
    new: Callable[[], World], watch: BucketWatch, storage: StorageProxy
) -> None:
    world = new()
    lost = lose_first_answer_to_a_claim(storage)
    done = come(world.request, world.provisioner())

    assert lost
    assert world.once(done) == []
