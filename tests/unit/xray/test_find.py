"""What a person types names a run, an attempt or a partition, or is told what is near."""

from typing import Any

import pytest

from ml_platform.errors import InputError
from ml_platform.xray.find import find_attempt, find_attempts
from ml_platform.xray.store import Store
from tests.support.xray import AT_S
from tests.unit.xray.test_store import attempt, keep

RUN = "0f3c9a51-7d52-4d0a-9b5e-0e7d8d1f6a11"
OTHER = "0f3c9a51-8888-4d0a-9b5e-0e7d8d1f6a11"


@pytest.fixture
def filled(store: Store) -> Store:
    """Two attempts at one training, and a newer training of the same partition."""
    keep(
        store,
        attempt(1, run=RUN, root=RUN, job="flight-delay-model-1"),
        attempt(2, run=RUN, root=RUN, claimed_at_s=AT_S + 10),
        attempt(1, training="3f2b000000000000", run=OTHER, root=OTHER, claimed_at_s=AT_S + 20),
    )
    return store


@pytest.mark.parametrize(
    "what", ["3f2a9c0d1b7e5a61-1", "3f2a9c0d-1", "3f2a-1", "flight-delay-model-1"]
)
def test_an_attempt_is_found_by_its_id_however_short_and_by_its_job(
    filled: Store, what: str
) -> None:
    assert find_attempt(filled, what).id == "3f2a9c0d1b7e5a61-1"


def test_an_attempt_of_a_partition_is_the_newest_or_the_newest_of_a_number(filled: Store) -> None:
    names = ("flight_delay", "2013-03-14")
    assert find_attempt(filled, *names).id == "3f2b000000000000-1"
    assert find_attempt(filled, *names, 1).id == "3f2b000000000000-1"
    assert find_attempt(filled, *names, 2).id == "3f2a9c0d1b7e5a61-2"


def test_a_run_is_found_by_the_beginning_of_its_id(filled: Store) -> None:
    assert [one.number for one in find_attempts(filled, RUN)] == [2, 1]
    assert [one.number for one in find_attempts(filled, RUN[:11])] == [2, 1]


def test_a_run_that_was_retried_before_it_came_to_an_attempt_is_found_too(filled: Store) -> None:
    keep(filled, attempt(3, run="retry-1", root="aaaa-root", claimed_at_s=AT_S + 30))
    assert [one.number for one in find_attempts(filled, "aaaa")] == [3]


def test_the_story_of_a_partition_is_that_of_its_newest_training(filled: Store) -> None:
    found = find_attempts(filled, "flight_delay", "2013-03-14")
    assert {one.training for one in found} == {"3f2b000000000000"}


def test_the_story_of_an_attempt_is_that_of_its_training(filled: Store) -> None:
    assert {one.number for one in find_attempts(filled, "3f2a-2")} == {1, 2}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("3f2a9c0e-1",), r"'3f2a9c0e-1' is not known \(did you mean 3f2a9c0d-1"),
        (
            ("flight_dely", "2013-03-14"),
            r"model 'flight_dely' is known \(did you mean flight_delay",
        ),
        (("flight_delay", "2013-03-15"), r"for '2013-03-15' is known \(did you mean 2013-03-14"),
        (("flight_delay", "2013-03-14", 7), r"has no attempt 7; there is 1, 2"),
        (("flight_delay",), "flight_delay is a model: say of which partition"),
        (("3f2a-1", "", 2), "a number needs a model and a partition"),
        (("zzzz",), "'zzzz' is not known: wanted an attempt, or a model and a partition"),
    ],
)
def test_what_names_no_attempt_is_told_with_what_is_near(
    filled: Store, words: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said) as told:
        find_attempt(filled, *words)
    assert told.value.hint


def test_what_names_several_is_told_with_all_of_them(filled: Store) -> None:
    keep(filled, attempt(1, training="3f2affff00000000"))
    with pytest.raises(
        InputError, match=r"more than one attempt: 3f2a9c0d1b7e5a61-1 of 2013-03-14, 3f2affff0+-1"
    ):
        find_attempt(filled, "3f2a-1")
    with pytest.raises(InputError, match=f"more than one run: {OTHER}, {RUN}"):
        find_attempts(filled, "0f3c9a51")


def test_a_run_that_is_not_known_is_told_with_what_is_near(filled: Store) -> None:
    with pytest.raises(InputError, match=f"did you mean {RUN}"):
        find_attempts(filled, RUN.replace("7", "6"))


def test_where_nothing_is_known_the_walk_is_named(store: Store) -> None:
    with pytest.raises(InputError, match="no attempt is") as told:
        find_attempts(store, RUN)
    assert "mlp xray gather --all" in told.value.hint
