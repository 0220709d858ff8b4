"""When a start tells what it finds, and when it gives up; all in times of our own."""

from collections.abc import Mapping
from math import inf
from typing import Any, Final

import pytest

from ml_platform.clusters.causes import Cause, Failure
from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.start import Start, seen_by
from ml_platform.errors import ClusterStartError
from ml_platform.xray.records import Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.objects import (
    container,
    ended,
    event,
    pod,
    ray_job,
    running,
    waiting,
)
from tests.unit.clusters.kuberay.recorded import BEGIN_S
from tests.unit.clusters.kuberay.watch_in_time import Objects, WatchInTime

Told = list[tuple[float, str]]
TOLD_WITHIN_S: Final = 5.0
NO_NODE: Final = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}
UNSCHEDULABLE: Final = pod(conditions=[NO_NODE])
NO_IMAGE: Final = pod(containers=[container(state=waiting("ErrImagePull", "x: not found"))])
OF_ANOTHER: Final = {**NO_IMAGE, "metadata": {**NO_IMAGE["metadata"], "name": "b", "uid": "b"}}
PULLING: Final = pod(containers=[container(state=waiting("ContainerCreating"))])
PULLS: Final = event("Pulling", 'Pulling image "registry.local/train:1"', "c-w-worker-abcde", t=7)


def named(job: Object) -> Object:
    return {**job, "metadata": {**job["metadata"], "uid": "u"}}


JOB: Final = named(ray_job(status={"jobDeploymentStatus": "Initializing"}))


def start_on(watch: WatchInTime, time: FakeTime, told: Told, **limits: Any) -> Start:
    """A start that tells with the seconds since the beginning."""
    return Start(
        "c",
        watch,
        Limits(**limits),
        Recorder(lambda one: told.append((one.at_s - BEGIN_S, one.detail)), now=time.clock),
        clock=time.clock,
        now=time.clock,
    )


class Started:
    """A start that does not come to be ready.

    Attributes:
        told: Seconds since its begin, and what was told.
        failure: Why it was given up.
        ended_s: When.
    """

    def __init__(self, timeline: Mapping[float, Objects], **limits: Any) -> None:
        time = FakeTime()
        time.now = BEGIN_S
        self.told: Told = []
        starting = start_on(WatchInTime(time, timeline), time, self.told, **limits)
        with pytest.raises(ClusterStartError) as raised:
            starting.wait("u", 1)
        self.failure = Failure.of_start(raised.value)
        self.ended_s = time.now - BEGIN_S

    def told_s(self, words: str) -> float:
        """When something with these words was told first."""
        return next((at_s for at_s, detail in self.told if words in detail), inf)


def shows(at_s: float, *pods: Object, events: tuple[Object, ...] = ()) -> Mapping[float, Objects]:
    """Pods that appear so long after their RayJob."""
    there = {"rayjobs": (JOB,)}
    return {0.0: there, at_s: {**there, "pods": pods, "events": events}}


@pytest.mark.parametrize(
    ("words", "shown"),
    [("does not fit", UNSCHEDULABLE), ("is not found", NO_IMAGE)],
    ids=["that may pass", "that is given up when it stays"],
)
def test_a_trouble_is_told_within_five_seconds_of_its_object(words: str, shown: Object) -> None:
    start = Started(shows(7.0, shown), start_s=120)
    assert 7.0 <= start.told_s(words) <= 7.0 + TOLD_WITHIN_S
    assert words in start.failure.message


def test_what_only_takes_too_long_is_told_within_five_seconds_though_nothing_changes() -> None:
    start = Started(shows(7.0, PULLING, events=(PULLS,)), start_s=120)
    assert 37.0 < start.told_s("still pulls image") <= 37.0 + TOLD_WITHIN_S


def test_a_job_that_no_operator_takes_up_is_told_after_ten_seconds() -> None:
    start = Started({0.0: {"rayjobs": (named(ray_job()),)}}, start_s=60)
    assert 10.0 < start.told_s("KubeRay has not taken up") <= 10.0 + TOLD_WITHIN_S
    assert start.ended_s == pytest.approx(60, abs=1)


def test_each_trouble_is_told_once_while_it_stands() -> None:
    start = Started(shows(7.0, UNSCHEDULABLE), start_s=120)
    assert len(start.told) == 1


def test_a_trouble_that_is_to_stay_is_given_up_at_its_own_time() -> None:
    start = Started(shows(7.0, NO_IMAGE), start_s=1200)
    assert start.ended_s == pytest.approx(37.0, abs=0.5)


def test_what_has_no_time_left_is_the_cause_and_not_what_may_still_pass() -> None:
    start = Started(shows(7.0, UNSCHEDULABLE, OF_ANOTHER), start_s=1200)
    assert "is not found" in start.failure.message


def test_a_head_that_dies_of_memory_while_it_starts_is_out_of_memory() -> None:
    crashing = container(
        "ray-head",
        state=waiting("CrashLoopBackOff"),
        last=ended(137, "OOMKilled"),
        restarts=3,
    )
    start = Started(shows(7.0, pod("h", head=True, phase="Running", containers=[crashing])))
    assert (start.failure.cause, str(start.failure.place)) == (Cause.OUT_OF_MEMORY, "head")


def test_a_deadline_of_kuberays_tells_when_and_what_stands_beside_it_why() -> None:
    status = {"jobDeploymentStatus": "Failed", "reason": "PreRunningDeadlineExceeded"}
    late = {"rayjobs": (named(ray_job(status=status)),), "pods": (UNSCHEDULABLE,)}
    start = Started({**shows(7.0, UNSCHEDULABLE), 20.0: late}, start_s=1200)
    assert "does not fit" in start.failure.message
    assert start.ended_s == pytest.approx(20.0)


def test_a_node_that_takes_no_pod_is_told_and_given_up_long_before_the_time_for_the_start() -> None:
    dead_gpu = {"reason": "UnexpectedAdmissionError", "message": "no healthy devices present"}
    timeline = {
        at_s: {"rayjobs": (JOB,), "pods": (pod(f"w-{at_s}", phase="Failed", status=dead_gpu),)}
        for at_s in (7.0, 9.0, 11.0)
    }
    start = Started(timeline, start_s=1200)
    assert "no healthy devices present" in start.failure.message
    assert start.ended_s == pytest.approx(11.0)


def test_what_is_lost_while_the_job_runs_is_told_once_and_ends_nothing() -> None:
    time = FakeTime()
    time.now = BEGIN_S
    running_pod: dict[str, Any] = {"phase": "Running", "ready": True}
    its = [container("ray-head", state=running(0), ready=True)]
    head = pod("h", head=True, containers=its, **running_pod)
    job = named(ray_job(status={"jobDeploymentStatus": "Running"}))
    there = {"rayjobs": (job,), "pods": (head, pod(**running_pod))}
    timeline = {
        0.0: there,
        20.0: {**there, "pods": (head, pod(**running_pod, going=True))},
        22.0: {**there, "pods": (head, {**UNSCHEDULABLE, **_named_pod("next")})},
    }
    told: Told = []
    watch = WatchInTime(time, timeline)
    starting = start_on(watch, time, told, start_s=60.0)
    ready = seen_by(watch, "u", time.now)
    starting.tell_losses("u", ready, lambda: time.now > BEGIN_S + 600.0)
    assert [(at_s, one.partition(": ")[0]) for at_s, one in told] == [
        (20.0, "lost"),
        (22.0, "starting"),
    ]
    assert "cpu" in told[1][1]


def _named_pod(name: str) -> Object:
    return {"metadata": {**UNSCHEDULABLE["metadata"], "name": name, "uid": name}}


def test_an_api_server_that_is_not_heard_of_is_told_while_it_is_waited_for() -> None:
    time = FakeTime()
    time.now = BEGIN_S
    told: Told = []
    watch = WatchInTime(time, shows(0.0), broken_s=30.0)
    starting = start_on(watch, time, told, start_s=120.0)
    with pytest.raises(ClusterStartError):
        starting.wait("u", 1)
    (silent,) = [at_s for at_s, one in told if "The API server does not answer" in one]
    assert silent <= TOLD_WITHIN_S
