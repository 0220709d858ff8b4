"""Queue, expectations and the folding of Events."""

from tests.support.kuberay.api import Api, Object
from tests.support.kuberay.event_recorder import EventRecorder
from tests.support.kuberay.expectations import Expectations
from tests.support.kuberay.work_queue import WorkQueue

KEY = ("ns", "a")
OTHER = ("ns", "b")


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_that_is_added_twice_is_taken_once() -> None:
    queue = WorkQueue(Clock())
    queue.add(KEY)
    queue.add(KEY)
    queue.add(OTHER)
    assert [queue.get(), queue.get()] == [KEY, OTHER]
    assert queue._until_next() is None


def test_a_change_moves_an_appointment_up() -> None:
    queue = WorkQueue(Clock())
    queue.add(KEY, 300)
    queue.add(KEY)
    assert queue.get() == KEY
    assert queue._pop_due() is None


def test_an_earlier_appointment_stands() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.add(KEY, 2)
    queue.add(KEY, 300)
    clock.now = 2
    assert queue.get() == KEY


def test_failures_are_repeated_after_growing_delays_until_a_success() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    due = []
    for _ in range(3):
        queue.failed(KEY)
        wait_s = queue._until_next() or 0.0
        due.append(round(wait_s, 3))
        clock.now += wait_s
        queue.get()
    assert due == [0.005, 0.01, 0.02]
    queue.succeeded(KEY)
    queue.failed(KEY)
    assert round(queue._until_next() or 0.0, 3) == 0.005


def test_a_created_pod_is_waited_for_but_not_for_ever() -> None:
    clock = Clock()
    expectations = Expectations(clock)
    expectations.expect(KEY, "w", "p1", created=True)
    assert expectations.unsettled(KEY, lambda _: False) == {"w"}
    clock.now = 31
    assert expectations.unsettled(KEY, lambda _: False) == frozenset()


def test_a_group_is_settled_when_its_pod_is_seen() -> None:
    expectations = Expectations(Clock())
    expectations.expect(KEY, "w", "p1", created=True)
    assert expectations.unsettled(KEY, lambda pod: pod == "p1") == frozenset()


def test_a_deleted_pod_is_waited_for_until_it_is_gone() -> None:
    clock = Clock()
    expectations = Expectations(clock)
    expectations.expect(KEY, "w", "p1", created=False)
    clock.now = 100
    assert expectations.unsettled(KEY, lambda _: True) == {"w"}
    assert expectations.unsettled(KEY, lambda _: False) == frozenset()


def event(note: str, *, reason: str = "CreatedWorkerPod", version: str = "1") -> Object:
    return {
        "type": "Normal",
        "reason": reason,
        "action": "Create",
        "note": note,
        "eventTime": "t",
        "regarding": {"uid": "u", "resourceVersion": version},
    }


def recorder() -> EventRecorder:
    return EventRecorder(Api(None), "raycluster-controller")


def test_two_events_of_one_pass_are_one_whose_first_note_survives() -> None:
    events = recorder()
    first = events.fold(event("first"), 0.0)
    second = events.fold(event("second"), 0.1)
    assert first is not None
    assert first[0] == "create"
    assert second is not None
    assert second[0] == "patch"
    assert second[1]["note"] == "first"
    assert second[1]["series"]["count"] == 2


def test_a_third_event_of_the_same_kind_is_not_written() -> None:
    events = recorder()
    for note in ("first", "second"):
        events.fold(event(note), 0.0)
    assert events.fold(event("third"), 0.0) is None


def test_an_event_about_a_newer_version_is_a_new_one() -> None:
    events = recorder()
    events.fold(event("first"), 0.0)
    written = events.fold(event("second", version="2"), 0.0)
    assert written is not None
    assert written[0] == "create"


def test_an_event_that_was_long_ago_is_not_folded_into() -> None:
    events = recorder()
    events.fold(event("first"), 0.0)
    written = events.fold(event("second"), 361.0)
    assert written is not None
    assert written[0] == "create"
