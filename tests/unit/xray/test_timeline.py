"""Where the time of an attempt went."""

from dataclasses import replace

from ml_platform.xray.records import Event
from ml_platform.xray.timeline import Doing, Phase, Times, doing, phases, times
from tests.support.xray import AT_S
from tests.unit.xray.test_store import attempt

OPEN = attempt(status="open", ended_at_s=None)


def happened(after_s: float, detail: str) -> Event:
    return Event(name="cluster", state="happened", at_s=AT_S + after_s, detail=detail)


def began(name: str, after_s: float) -> Event:
    return Event(name=name, state="began", at_s=AT_S + after_s)


def ended(name: str, after_s: float, seconds: float) -> Event:
    return Event(name=name, state="ended", at_s=AT_S + after_s, seconds=seconds)


QUEUED = [
    began("cluster", 0),
    happened(10, "queued: it waits in queue team: 3 are before it"),
    happened(70, "queued: it waits in queue team: 1 is before it"),
    happened(310, "starting: the image is being pulled"),
    ended("cluster", 350, 350.0),
    began("running", 360),
]


def test_time_in_a_queue_is_from_its_first_word_to_the_next_of_another_kind() -> None:
    spent = times(replace(OPEN, ended_at_s=AT_S + 960, ran_s=600.0), QUEUED, now_s=0)
    assert spent == Times(queued_s=300, starting_s=60, ran_s=600)


def test_what_goes_on_is_counted_until_now() -> None:
    assert times(OPEN, QUEUED[:2], now_s=AT_S + 100) == Times(
        queued_s=90, starting_s=10, ran_s=None
    )
    assert times(OPEN, QUEUED, now_s=AT_S + 400) == Times(queued_s=300, starting_s=60, ran_s=40)


def test_a_queue_is_left_when_the_cluster_is_there_though_nothing_more_was_told() -> None:
    told = [*QUEUED[:2], ended("cluster", 350, 350.0), began("running", 360)]
    assert times(OPEN, told, now_s=AT_S + 400).queued_s == 340


def test_without_events_the_driver_itself_says_when_it_began() -> None:
    known = replace(OPEN, started_at_s=AT_S + 90)
    assert times(known, [], now_s=AT_S + 100) == Times(queued_s=None, starting_s=90, ran_s=10)


def test_a_clock_of_a_pod_that_is_ahead_makes_no_time_negative() -> None:
    known = replace(OPEN, started_at_s=AT_S + 3600)
    assert times(known, [], now_s=AT_S + 100).ran_s == 0


def test_the_first_of_several_who_saw_it_run_says_since_when() -> None:
    seen = [began("running", 60), began("running", 500)]
    assert doing(OPEN, seen, now_s=AT_S + 600) == Doing(state="running", seconds=540)


def test_what_waits_says_why_by_its_last_word() -> None:
    assert doing(OPEN, QUEUED[:3], now_s=AT_S + 100) == Doing(
        state="queued", seconds=100, reason="it waits in queue team: 1 is before it"
    )
    assert doing(OPEN, QUEUED[:4], now_s=AT_S + 320) == Doing(
        state="starting", seconds=320, reason="the image is being pulled"
    )
    assert doing(OPEN, [], now_s=AT_S + 5) == Doing(state="starting", seconds=5)


def test_phases_are_told_with_their_length_and_what_goes_on_until_now() -> None:
    told = phases(OPEN, [*QUEUED[:2], *QUEUED[4:]], now_s=AT_S + 400)
    assert [(one.name, one.state, one.seconds) for one in told] == [
        ("cluster", "ended", 350.0),
        ("cluster", "happened", None),
        ("running", "goes on", 40.0),
    ]


def test_a_phase_whose_begin_was_not_told_began_its_length_before_its_end() -> None:
    (told,) = phases(OPEN, [ended("submit", 100, 30.0)], now_s=AT_S + 400)
    assert told == Phase(name="submit", state="ended", began_at_s=AT_S + 70, seconds=30.0)


def test_a_phase_without_an_end_was_cut_off_with_its_attempt() -> None:
    (told,) = phases(attempt(ended_at_s=AT_S + 100), [began("running", 60)], now_s=AT_S + 9000)
    assert (told.state, told.seconds) == ("cut off", 40)
