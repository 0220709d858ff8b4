"""What of a cluster is to blame for the end of its job, also when that is there no more."""

from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.causes import Cause, Failure
from ml_platform.clusters.kuberay.diagnosis.end import RECENT_S, ended_by
from ml_platform.clusters.kuberay.diagnosis.head import incarnation, readiness
from ml_platform.clusters.kuberay.seen import Object
from tests.unit.clusters.kuberay.objects import (
    PREEMPTED,
    container,
    ended,
    event,
    pod,
    ray_cluster,
    ray_job,
    running,
    seen_of,
)
from tests.unit.clusters.kuberay.recorded import BEGIN_S, moments


def head(state: Object | None = None, **fields: Any) -> Object:
    one = container("ray-head", state=state or running(0), ready=state is None)
    given = {"phase": "Running", "ready": state is None, **fields}
    return pod("h", head=True, containers=[one], **given)


def worker(state: Object, **fields: Any) -> Object:
    return pod("w", containers=[container(state=state)], phase="Running", **fields)


RUNNING = ray_job(status={"jobDeploymentStatus": "Running"})
READY = seen_of(head(), ray_job=RUNNING)
DYING = head(ended(137, t=60), going=True)
FOR_ANOTHER = "Preempted to accommodate a workload (UID: x) due to prioritization"


def end_of(scenario: str, *, at_s: float) -> Failure | None:
    seen = moments(scenario)
    ready = next(one for one in seen if readiness(one, 1))
    return ended_by(ready, [one for one in seen if one.at_s < BEGIN_S + at_s][-1])


@pytest.mark.parametrize(
    ("scenario", "at_s", "cause", "place"),
    [
        ("rc-worker-oomkilled-group", 62, Cause.OUT_OF_MEMORY, "group w"),
        ("rc-head-oomkilled-group", 100, Cause.OUT_OF_MEMORY, "head"),
        ("rj-interactive-head-killed", 110, Cause.HEAD_LOST, "head"),
        ("rj-interactive-active-deadline", 110, Cause.OVER_LIMIT, "cluster"),
        ("rj-suspend-while-running", 55, Cause.HEAD_LOST, "cluster"),
        ("rj-suspend-while-running", 80, Cause.HEAD_LOST, "cluster"),
        ("rj-interactive-deleted-while-running", 120, Cause.HEAD_LOST, "cluster"),
    ],
)
def test_what_the_real_operator_leaves_says_what_is_to_blame(
    scenario: str, at_s: float, cause: Cause, place: str
) -> None:
    failure = end_of(scenario, at_s=at_s)
    assert failure is not None
    assert (failure.cause, str(failure.place)) == (cause, place)


def test_a_cluster_that_is_well_is_not_to_blame() -> None:
    assert end_of("rj-interactive-success", at_s=55) is None


def test_a_worker_that_is_gone_is_still_known_to_have_died_of_memory() -> None:
    died = worker(ended(137, "OOMKilled", t=60), going=True)
    failure = ended_by(READY, seen_of(head(), gone=(died,), t=90))
    assert failure is not None
    assert (failure.cause, str(failure.place)) == (Cause.OUT_OF_MEMORY, "group w")


def test_what_died_long_before_the_end_was_overcome() -> None:
    died = worker(ended(137, "OOMKilled", t=60))
    assert ended_by(READY, seen_of(head(), died, t=61 + RECENT_S)) is None


def test_a_head_that_is_gone_is_still_known_to_have_died_of_memory() -> None:
    died = head(ended(137, "OOMKilled", t=60), going=True)
    failure = ended_by(READY, seen_of(gone=(died,), t=61))
    assert failure is not None
    assert (failure.cause, str(failure.place)) == (Cause.OUT_OF_MEMORY, "head")


def test_a_head_that_is_gone_says_that_it_was_preempted() -> None:
    last = head(ended(137, t=60), going=True, conditions=[PREEMPTED])
    failure = ended_by(READY, seen_of(gone=(last,), t=61))
    assert failure is not None
    assert failure.cause is Cause.HEAD_LOST
    assert "preempted by a pod of a higher priority" in failure.message


def test_a_head_that_was_evicted_says_for_what() -> None:
    why = {"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}
    last = head(ended(137, t=60), phase="Failed", status=why)
    failure = ended_by(READY, seen_of(last, t=61))
    assert failure is not None
    assert "was evicted by its node: Evicted: The node was low on resource" in failure.message


def test_a_gone_pod_whose_last_state_was_running_is_no_life_of_the_head() -> None:
    seen = seen_of(gone=(head(),))
    failure = ended_by(READY, seen)
    assert incarnation(seen) == ""
    assert failure is not None
    assert "Its pod was deleted" in failure.message


def test_a_worker_that_its_node_has_lost_is_named_with_the_node() -> None:
    last = worker(ended(143, t=60), going=True, conditions=[PREEMPTED])
    failure = ended_by(READY, seen_of(head(), gone=(last,), t=90))
    assert failure is not None
    assert (failure.cause, str(failure.place)) == (Cause.NODE_LOST, "node node-1")


def test_a_head_that_is_silent_on_a_node_that_is_silent_is_the_nodes_fault() -> None:
    not_ready = event("NodeNotReady", "Node is not ready", "h", t=60)
    silent = head(running(0))
    failure = ended_by(READY, seen_of(silent, events=[not_ready], t=200))
    assert failure is not None
    assert failure.cause is Cause.NODE_LOST


def evicted(reason: str = "Preempted") -> Object:
    told = {"type": "Evicted", "status": "True", "reason": reason, "message": FOR_ANOTHER}
    pending = {"type": "QuotaReserved", "status": "False", "reason": "Pending"}
    return {"metadata": {}, "spec": {}, "status": {"conditions": [told, pending]}}


@pytest.mark.parametrize("pods", [(DYING,), (), (head(),)], ids=["dying", "gone", "still there"])
def test_what_its_queue_takes_back_is_told_in_kueues_words(pods: tuple[Object, ...]) -> None:
    job = ray_job(suspend=True, queue="team", status={"jobDeploymentStatus": "Suspended"})
    failure = ended_by(READY, seen_of(*pods, ray_job=job, workload=evicted(), t=61))
    assert failure is not None
    assert (failure.cause, str(failure.place)) == (Cause.HEAD_LOST, "cluster")
    assert f"Its queue has taken its room back: Preempted: {FOR_ANOTHER}" in failure.message
    assert "A higher `priority` keeps it" in failure.hint


def test_a_higher_priority_helps_only_against_those_of_a_lower_one() -> None:
    failure = ended_by(READY, seen_of(ray_job=RUNNING, workload=evicted("PodsReadyTimeout"), t=61))
    assert failure is not None
    assert "priority" not in failure.hint


def test_a_cluster_that_a_person_suspends_says_so() -> None:
    job = ray_job(suspend=True, status={"jobDeploymentStatus": "Suspending"})
    failure = ended_by(READY, seen_of(DYING, ray_job=job, t=61))
    assert failure is not None
    assert "Its RayJob c was suspended" in failure.message


@pytest.mark.parametrize(
    ("reason", "cause", "said"),
    [
        ("DeadlineExceeded", Cause.OVER_LIMIT, "it has run for too long"),
        ("JobStatusCheckTimeoutExceeded", Cause.HEAD_LOST, "its head did not answer"),
    ],
)
def test_what_kuberay_gives_up_says_for_what(reason: str, cause: Cause, said: str) -> None:
    status = {"jobDeploymentStatus": "Failed", "reason": reason, "message": "so"}
    failure = ended_by(READY, seen_of(ray_job=ray_job(status=status), t=61))
    assert failure is not None
    assert failure.cause is cause
    assert said in failure.message


def test_a_job_of_which_only_the_ray_cluster_was_deleted_says_so() -> None:
    ready = replace(READY, ray_cluster=ray_cluster(state="ready"))
    failure = ended_by(ready, seen_of(DYING, ray_job=RUNNING, t=61))
    assert failure is not None
    assert "Its RayCluster was deleted" in failure.message


def test_a_node_that_takes_the_head_says_more_than_what_kuberay_does_afterwards() -> None:
    last = head(ended(137, t=60), going=True, conditions=[PREEMPTED])
    ready = replace(READY, ray_cluster=ray_cluster(state="ready"))
    failure = ended_by(ready, seen_of(gone=(last,), ray_job=RUNNING, t=61))
    assert failure is not None
    assert "preempted by a pod of a higher priority" in failure.message


def test_no_other_pod_takes_the_place_of_a_head() -> None:
    not_ready = event("NodeNotReady", "Node is not ready", "h", t=60)
    failure = ended_by(READY, seen_of(head(running(0)), events=[not_ready], t=200))
    assert failure is not None
    assert "goes on from its last checkpoint" in failure.hint
    assert "another pod" not in failure.hint


def test_a_worker_that_somebody_has_deleted_is_to_blame_where_nothing_else_is() -> None:
    ready = seen_of(head(), worker(running(0)), ray_job=RUNNING)
    failure = ended_by(ready, seen_of(head(), gone=(worker(running(0)),), ray_job=RUNNING, t=61))
    assert failure is not None
    assert (failure.cause, failure.message) == (
        Cause.WORKER_LOST,
        "A pod of the group w was deleted.",
    )
