import pickle

import pytest

from ml_platform.clusters.causes import Category, Cause, Failure, Place
from ml_platform.errors import ClusterStartError, PlatformError, TrainingError

USERS = {
    Cause.USER_CODE,
    Cause.BAD_INPUT,
    Cause.NON_FINITE,
    Cause.OUT_OF_MEMORY,
    Cause.OVER_LIMIT,
    Cause.CANCELLED,
}


def failure_of(cause: Cause) -> Failure:
    return Failure(
        cause=cause,
        place=Place(kind="worker", name="rank 3"),
        message="it broke",
        hint="mend it",
        evidence=("exit code 137",),
        traceback="line 3",
    )


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_says_who_has_to_act(cause: Cause) -> None:
    assert (cause.category is Category.APPLICATION) == (cause in USERS)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_named_error_that_carries_message_and_next_action(cause: Cause) -> None:
    error = failure_of(cause).to_error()
    assert type(error) is not PlatformError
    assert (error.message, error.hint) == ("it broke", "mend it")


@pytest.mark.parametrize("cause", Cause)
def test_what_the_training_itself_did_wrong_keeps_the_authors_traceback(cause: Cause) -> None:
    error = failure_of(cause).to_error()
    assert not isinstance(error, TrainingError) or error.traceback == "line 3"


@pytest.mark.parametrize("cause", Cause)
def test_a_failure_is_the_same_after_its_way_through_a_file_and_a_process(cause: Cause) -> None:
    failure = failure_of(cause)
    assert Failure.model_validate_json(failure.model_dump_json()) == failure
    assert pickle.loads(pickle.dumps(failure)) == failure


@pytest.mark.parametrize("cause", Cause)
def test_what_kept_a_cluster_from_starting_is_known_to_who_catches_the_error(cause: Cause) -> None:
    failure = failure_of(cause).model_copy(update={"traceback": ""})
    error = pickle.loads(pickle.dumps(failure.to_start_error("c-1", logs={"a": ("the last",)})))
    caught = Failure.of_start(error)
    assert caught == failure.model_copy(update={"message": "the cluster c-1: it broke"})
    assert error.logs == {"a": ("the last",)}


def test_a_start_that_failed_for_nothing_that_was_found_is_just_that() -> None:
    caught = Failure.of_start(ClusterStartError("it was not ready in time"))
    assert (caught.cause, caught.place) == (Cause.START_FAILED, Place(kind="cluster"))


def test_a_place_is_said_with_its_name_where_that_is_known() -> None:
    assert str(Place(kind="worker", name="rank 3")) == "worker rank 3"
    assert str(Place(kind="head")) == "head"
