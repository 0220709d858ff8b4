"""A refusal of Kubernetes may pass by itself, or be meant."""

from ml_platform.clusters.refusals import AT_FIRST_S, PASSING_S, Refusals
from tests.unit.clusters.fake_time import FakeTime


def refused_for(refusals: Refusals, time: FakeTime) -> float:
    """Seconds until a refusal each second is believed."""
    began = time.now
    while not refusals.is_meant():
        time.sleep(1)
    return time.now - began


def test_a_right_that_is_missing_is_told_within_seconds() -> None:
    time = FakeTime()
    refused_s = refused_for(Refusals(lambda: True, time.clock), time)
    assert AT_FIRST_S < refused_s <= AT_FIRST_S + 1


def test_a_server_that_refuses_what_it_granted_before_has_a_minute() -> None:
    time = FakeTime()
    assert refused_for(Refusals(lambda: False, time.clock), time) == PASSING_S


def test_what_was_refused_before_the_server_was_ready_is_asked_once_more() -> None:
    time = FakeTime()
    refusals = Refusals(lambda: True, time.clock)
    refusals.is_meant()
    time.sleep(AT_FIRST_S)
    assert not refusals.is_meant()


def test_refusals_with_another_answer_between_are_not_added_up() -> None:
    time = FakeTime()
    refusals = Refusals(lambda: False, time.clock)
    refusals.is_meant()
    refusals.forget()
    time.sleep(PASSING_S)
    assert not refusals.is_meant()
