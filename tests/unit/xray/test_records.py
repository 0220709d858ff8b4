"""Events with a time at begin and end; observing never fails the work."""

import threading

import pytest

from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.fake_time import FakeTime


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def recorder(events: list[Event], time: FakeTime) -> Recorder:
    return Recorder(events.append, now=lambda: 1_700_000_000 + time.now, clock=time.clock)


def broken(event: Event) -> None:
    raise OSError(f"no space left for {event.name}")


def test_a_phase_is_an_event_when_it_begins_and_another_when_it_ends(
    recorder: Recorder, events: list[Event], time: FakeTime
) -> None:
    with recorder.phase("queued", "position 7"):
        assert [one.state for one in events] == ["began"]
        time.sleep(6 * 3600)
    assert events == [
        Event(name="queued", state="began", at_s=1_700_001_000, detail="position 7"),
        Event(
            name="queued",
            state="ended",
            at_s=1_700_001_000 + 6 * 3600,
            seconds=6 * 3600,
            detail="position 7",
        ),
    ]


def test_what_a_phase_came_to_is_in_the_event_of_its_end(
    recorder: Recorder, events: list[Event]
) -> None:
    with recorder.phase("cluster") as phase:
        phase.detail = "adopted"
    assert [one.detail for one in events] == ["", "adopted"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no image\nof that name"), "ValueError: no image"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_phase_that_ends_by_an_exception_failed_and_says_by_which(
    recorder: Recorder, events: list[Event], time: FakeTime, error: BaseException, told: str
) -> None:
    with pytest.raises(type(error)), recorder.phase("cluster"):
        time.sleep(3)
        raise error
    assert (events[-1].state, events[-1].seconds, events[-1].detail) == ("failed", 3, told)


def test_a_stretch_that_somebody_else_has_seen_ends_when_they_say(
    recorder: Recorder, events: list[Event]
) -> None:
    recorder.took("pulling", began_at_s=100.0, ended_at_s=160.0, detail="image a")
    # Two clocks: it may end before it begins.
    recorder.took("starting", began_at_s=200.0, ended_at_s=199.0)
    assert events == [
        Event(name="pulling", state="ended", at_s=160.0, seconds=60.0, detail="image a"),
        Event(name="starting", state="ended", at_s=199.0, seconds=0.0),
    ]


def test_a_detail_that_is_known_stays_when_the_phase_fails(
    recorder: Recorder, events: list[Event]
) -> None:
    with pytest.raises(ValueError, match="x"), recorder.phase("cluster") as phase:
        phase.detail = "pod 3 of 4"
        raise ValueError("x")
    assert events[-1].detail == "pod 3 of 4"


def test_what_only_happened_has_no_length(recorder: Recorder, events: list[Event]) -> None:
    recorder.happened("preempted", "node n-7")
    assert events == [
        Event(name="preempted", state="happened", at_s=1_700_001_000, detail="node n-7")
    ]


def test_a_reader_that_fails_is_told_of_once_and_the_others_go_on_hearing(
    events: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(broken, events.append)
    with recorder.phase("running"):
        pass
    assert [one.state for one in events] == ["began", "ended"]
    assert capsys.readouterr().err.count("no space left") == 1


def test_a_reader_that_fails_in_two_threads_at_once_fails_neither(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both_are_in = threading.Barrier(2)

    def breaks_for_both(event: Event) -> None:
        both_are_in.wait(10)
        raise OSError("no space left")

    recorder = Recorder(breaks_for_both)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            recorder.happened("a")
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert raised == []
    assert capsys.readouterr().err.count("no space left") == 1


def test_more_readers_hear_what_the_first_hear_and_keep_its_clocks(
    recorder: Recorder, events: list[Event]
) -> None:
    more: list[Event] = []
    recorder.with_readers(more.append).happened("a")
    recorder.happened("b")
    assert [one.name for one in events] == ["a", "b"]
    assert more == events[:1]
