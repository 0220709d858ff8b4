"""Queue, expectations and the folding of Events."""

from tests.support.kuberay.api import Api, Object
from tests.support.kuberay.event_recorder import EventRecorder
from tests.support.kuberay.expectations import Expectations
from tests.support.kuberay.work_queue import WorkQueue
from tests.unit.kuberay.api_server import ApiServer
from tests.unit.kuberay.things import cluster

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


def test_no_failure_is_one_too_many_for_the_delay() -> None:
    queue = WorkQueue(Clock())
    queue._failures[KEY] = 5000
    queue.failed(KEY)
    assert queue._until_next() == 1000


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


def event(note: str, *, version: str = "1", at: str = "t") -> Object:
    return {
        "type": "Normal",
        "reason": "CreatedWorkerPod",
        "action": "Create",
        "note": note,
        "eventTime": at,
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
    assert events.finish(361.0) == []
    written = events.fold(event("second"), 361.0)
    assert written is not None
    assert written[0] == "create"


def test_a_series_that_has_ended_is_written_with_all_that_was_counted() -> None:
    events = recorder()
    for number in range(4):
        events.fold(event(str(number), at=f"t{number}"), float(number))
    assert events.finish(363.0) == []
    (last,) = events.finish(363.1)
    assert (last["note"], last["series"]) == ("0", {"count": 4, "lastObservedTime": "t3"})
    assert events.finish(999.0) == []


def test_the_end_of_a_series_is_written_though_no_other_event_comes(server: ApiServer) -> None:
    clock = Clock()
    events = EventRecorder(server.api, "raycluster-controller", clock)
    for note in ("first", "second", "third"):
        events.emit(cluster(), "Normal", "CreatedWorkerPod", "Create", note)
        events.write_next(0.0)
    clock.now = 361
    events.write_next(0.0)
    assert [(how, body.get("series", {}).get("count")) for how, _, body in server.writes] == [
        ("POST", None),
        ("PATCH", 2),
        ("PATCH", 3),
    ]
