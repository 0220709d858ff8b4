from ml_platform.clusters.interface import JobKey
from ml_platform.clusters.jobs.tries import (
    Adopt,
    Submit,
    Try,
    next_try,
    submission_id,
    try_number,
)

KEY = JobKey(asset="flight_delay/model", partition="2013-03-01", attempt_group="abc")


def test_work_that_was_never_tried_is_submitted_as_the_first_try() -> None:
    assert next_try([]) == Submit(1)


def test_a_running_try_is_adopted() -> None:
    assert next_try([Try(number=1, status="RUNNING")]) == Adopt(1)


def test_a_try_that_waits_for_its_driver_is_adopted() -> None:
    assert next_try([Try(number=1, status="PENDING")]) == Adopt(1)


def test_a_try_that_succeeded_is_adopted_and_not_run_again() -> None:
    assert next_try([Try(number=2, status="SUCCEEDED")]) == Adopt(2)


def test_a_failed_try_is_followed_by_the_next_number() -> None:
    assert next_try([Try(number=1, status="FAILED")]) == Submit(2)


def test_a_stopped_try_is_followed_by_the_next_number() -> None:
    assert next_try([Try(number=3, status="STOPPED")]) == Submit(4)


def test_only_the_newest_try_counts_in_whatever_order_they_are_listed() -> None:
    tries = [Try(number=10, status="RUNNING"), Try(number=9, status="FAILED")]
    assert next_try(tries) == Adopt(10)


def test_a_submission_id_tells_its_try_and_only_to_its_own_key() -> None:
    other = JobKey(asset="flight_delay/model", partition="2013-03-02", attempt_group="abc")
    assert try_number(KEY, submission_id(KEY, 12)) == 12
    assert try_number(other, submission_id(KEY, 12)) is None


def test_a_submission_id_with_something_behind_its_number_is_of_no_try() -> None:
    assert try_number(KEY, submission_id(KEY, 1) + "-x") is None


def test_a_slug_is_short_lower_case_and_tells_attempt_groups_apart() -> None:
    other = JobKey(asset="flight_delay/model", partition="2013-03-01", attempt_group="def")
    assert KEY.slug().startswith("flight-delay-model-2013-03-01")
    assert len(KEY.slug()) <= 40
    assert KEY.slug() != other.slug()
