"""Where the time of pods goes while their cluster starts, by the times of Kubernetes."""

from typing import Any

from ml_platform.clusters.kuberay.pod_phases import record_pod_phases
from ml_platform.clusters.kuberay.seen import Object, Seen
from ml_platform.xray.records import Event, Recorder
from tests.unit.clusters.kuberay.objects import (
    container,
    ended,
    event,
    pod,
    running,
    seen_of,
    waiting,
)
from tests.unit.clusters.kuberay.recorded import BEGIN_S, time_text

PULL = 'Pulling image "reg/ml:7"'


def recorded(seen: Seen) -> dict[str, tuple[float, float, str]]:
    """What was told: when each phase began and ended since the beginning, and how."""
    found: list[Event] = []
    record_pod_phases(Recorder(found.append), seen)
    return {
        one.name: (one.at_s - (one.seconds or 0.0) - BEGIN_S, one.at_s - BEGIN_S, one.detail)
        for one in found
    }


def made(name: str, t: float, *, given: float | None, state: Object, **others: Any) -> Object:
    """A pod that was made then and, if so, given a node."""
    scheduled = {"type": "PodScheduled", "status": str(given is not None)}
    scheduled["lastTransitionTime"] = time_text(given or 0.0)
    head = bool(others.get("head"))
    its = container("ray-head" if head else "ray-worker", state=state)
    found = dict(pod(name, containers=[its], conditions=[scheduled], **others))
    found["metadata"] = {**found["metadata"], "creationTimestamp": time_text(t)}
    return found


def pulling(name: str, t: float, message: str = PULL) -> Object:
    """A node begins to pull the image of a pod's Ray."""
    raw = dict(event("Pulling", message, name, t=t))
    about = {**raw["involvedObject"], "fieldPath": "spec.containers{ray-worker}"}
    return {**raw, "type": "Normal", "involvedObject": about, "firstTimestamp": time_text(t)}


def ready(name: str, t: float, *, given: float, ran: float, ready_at: float, **others: Any) -> Any:
    found = made(name, t, given=given, state=running(ran), phase="Running", ready=True, **others)
    found["status"]["conditions"][0]["lastTransitionTime"] = time_text(ready_at)
    return found


def test_a_phase_is_from_the_first_pod_that_comes_to_it_to_the_last_that_has_left_it() -> None:
    pods = (
        ready("h", 1, given=2, ran=5, ready_at=12, head=True),
        ready("w1", 2, given=62, ran=160, ready_at=168),
        ready("w2", 2, given=12, ran=14, ready_at=24),
    )
    assert recorded(seen_of(*pods, events=[pulling("w1", 63)], t=170)) == {
        "scheduling": (1, 62, "the group w waited 60 s until it was given node node-1"),
        "pulling": (63, 160, "image reg/ml:7 took 97 s on node node-1"),
        "starting": (5, 168, "Ray of the group w took 10 s"),
    }


def test_what_has_not_ended_when_the_start_fails_is_told_until_then() -> None:
    left = (
        made("w1", 1, given=None, state=waiting("ContainerCreating"), spec={"nodeName": ""}),
        made("w2", 1, given=3, state=waiting("ContainerCreating")),
        made("w3", 1, given=3, state=running(40), phase="Running"),
    )
    assert recorded(seen_of(*left, events=[pulling("w2", 4)], t=100)) == {
        "scheduling": (1, 100, "the group w waited 99 s without a node"),
        "pulling": (4, 100, "image reg/ml:7 took 96 s on node node-1"),
        "starting": (40, 100, "Ray of the group w took 60 s, and is not ready"),
    }


def test_a_pull_that_is_tried_again_is_one_from_its_first_try_on() -> None:
    one = ready("w1", 1, given=1, ran=90, ready_at=90)
    tries = [pulling("w1", 2), pulling("w1", 40)]
    assert recorded(seen_of(one, events=tries, t=91))["pulling"][:2] == (2, 90)


def test_a_container_that_has_ended_had_its_image() -> None:
    crashed = {**ended(1, t=30)["terminated"], "startedAt": time_text(20)}
    one = made("w1", 1, given=1, state={"terminated": crashed})
    assert recorded(seen_of(one, events=[pulling("w1", 2)], t=100))["pulling"][:2] == (2, 20)


def test_of_an_image_that_nodes_hold_nothing_is_told() -> None:
    one = ready("w1", 1, given=1, ran=3, ready_at=3)
    assert recorded(seen_of(one, t=4)) == {}


def test_of_no_pod_nothing_is_told() -> None:
    assert recorded(seen_of(t=4)) == {}
