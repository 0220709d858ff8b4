"""The head's life, memory, and whether a cluster can be used."""

from itertools import pairwise
from typing import Any

import pytest

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.kuberay.diagnosis.head import head_lost, incarnation, readiness
from ml_platform.clusters.kuberay.diagnosis.memory import out_of_memory
from ml_platform.clusters.kuberay.seen import Object, Seen
from tests.unit.clusters.kuberay.objects import (
    container,
    ended,
    pod,
    ray_cluster,
    running,
    seen_of,
)
from tests.unit.clusters.kuberay.recorded import BEGIN_S, moments

HEAD_READY = {"type": "HeadPodReady", "status": "True"}


def head_pod(name: str = "h", *, state: Object, **fields: Any) -> Object:
    last, restarts = fields.pop("last", None), fields.pop("restarts", 0)
    one = container("ray-head", state=state, last=last, restarts=restarts, ready=True)
    given: dict[str, Any] = {"phase": "Running", "ready": True, **fields}
    return pod(name, head=True, containers=[one], **given)


def worker_pod(name: str, *, t: float = 0.0, **fields: Any) -> Object:
    one = container(state=running(t), ready=True)
    return pod(name, containers=[one], phase="Running", ready=True, **fields)


def lives(scenario: str) -> list[str]:
    found = [incarnation(seen) for seen in moments(scenario)]
    return [life for at, life in enumerate(found) if life and life not in found[:at]]


def losses(scenario: str, *, until_s: float) -> list[Failure]:
    seen = [one for one in moments(scenario) if one.at_s < BEGIN_S + until_s]
    found = [head_lost(before, now) for before, now in pairwise(seen)]
    return [failure for failure in found if failure]


def ready_at(scenario: str) -> list[tuple[bool, int]]:
    """Each change of readiness, and the second of it."""
    changes: list[tuple[bool, int]] = []
    for seen in moments(scenario):
        is_ready = readiness(seen, 1)
        if not changes or changes[-1][0] is not is_ready:
            changes.append((is_ready, round(seen.at_s - BEGIN_S)))
    return changes


@pytest.mark.parametrize(
    ("scenario", "count"),
    [
        ("rj-interactive-success", 1),
        ("rj-operator-restarted", 1),
        ("rc-worker-oomkilled-group", 1),
        ("rc-head-pod-deleted", 2),
        ("rj-raycluster-deleted", 2),
        ("rc-head-oomkilled-group", 2),
        ("rj-driver-oomkilled-group", 4),
    ],
)
def test_each_life_of_the_head_has_a_name_of_its_own(scenario: str, count: int) -> None:
    assert len(lives(scenario)) == count


def test_a_restart_in_place_is_another_life_of_the_same_pod() -> None:
    first, second = lives("rc-head-oomkilled-group")
    assert first.split("/")[0] == second.split("/")[0]


def test_there_is_no_life_before_the_head_runs_and_none_after() -> None:
    seen = moments("rc-ready")
    assert (incarnation(seen[0]), incarnation(seen[-1])) == ("", "")


def test_a_new_head_counts_as_soon_as_it_runs_though_the_old_one_still_goes() -> None:
    old = head_pod("old", state=running(50), going=True)
    new = head_pod("new", state=running(10))
    assert incarnation(seen_of(new, old)).startswith("uid-new/")


def test_a_deleted_head_is_lost_when_it_has_ended_and_not_before() -> None:
    (failure,) = losses("rj-interactive-head-killed", until_s=110)
    assert (failure.cause, failure.place) == (Cause.HEAD_LOST, Place(kind="head"))
    assert "Its pod was deleted" in failure.message


def test_a_head_that_died_of_memory_is_out_of_memory_and_not_just_lost() -> None:
    (failure,) = losses("rc-head-oomkilled-group", until_s=100)
    assert (failure.cause, failure.place) == (Cause.OUT_OF_MEMORY, Place(kind="head"))


def test_no_head_is_lost_while_a_job_runs_to_its_end() -> None:
    assert losses("rj-interactive-success", until_s=55) == []


def test_a_restart_that_nobody_saw_begin_is_told_with_its_exit_code() -> None:
    before = seen_of(head_pod(state=running(1)))
    now = seen_of(head_pod(state=running(9), last=ended(1), restarts=1))
    failure = head_lost(before, now)
    assert failure is not None
    assert failure.cause is Cause.HEAD_LOST
    assert "exit code 1" in failure.message


def test_a_head_that_was_preempted_says_so() -> None:
    target = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    before = seen_of(head_pod(state=running(1)))
    now = seen_of(head_pod(state=ended(137), going=True, conditions=[target]))
    failure = head_lost(before, now)
    assert failure is not None
    assert "preempted by a pod of a higher priority" in failure.message


def test_a_head_that_does_not_answer_but_runs_is_not_lost() -> None:
    before = seen_of(head_pod(state=running(1)))
    assert head_lost(before, seen_of(head_pod(state=running(1), ready=False))) is None


def test_a_cluster_can_be_used_when_head_and_all_workers_are_ready() -> None:
    assert ready_at("rj-interactive-success")[:2] == [(False, 0), (True, 40)]


def test_a_quota_that_refuses_a_worker_keeps_it_from_use_though_kuberay_calls_it_provisioned() -> (
    None
):
    assert not any(readiness(seen, 2) for seen in moments("rc-quota"))


def test_after_a_new_head_it_is_of_no_use_until_the_worker_has_come_over() -> None:
    assert [change[0] for change in ready_at("rc-head-pod-deleted")][:4] == [
        *(False, True, False, True)
    ]
    assert ready_at("rc-head-pod-deleted")[3][1] >= 139


def test_a_cluster_that_counts_its_predecessors_dying_pods_as_its_own_is_not_believed() -> None:
    assert not any(
        readiness(seen, 1)
        for seen in moments("rj-raycluster-deleted")
        if BEGIN_S + 55 < seen.at_s < BEGIN_S + 104
    )


@pytest.mark.parametrize(
    ("head_s", "worker_s", "usable"), [(0, 10, True), (20, 10, True), (60, 10, False)]
)
def test_a_ready_worker_that_is_much_older_than_its_head_belongs_to_the_one_before(
    head_s: float, worker_s: float, usable: bool
) -> None:
    seen: Seen = seen_of(
        head_pod(state=running(head_s)),
        worker_pod("a", t=worker_s),
        ray_cluster=ray_cluster(HEAD_READY, state="ready"),
    )
    assert readiness(seen, 1) is usable


@pytest.mark.parametrize(
    ("scenario", "place", "word"),
    [
        ("rc-worker-oomkilled-group", "group w", "The worker of group w went over"),
        ("rc-head-oomkilled-group", "head", "The head went over"),
        ("rj-driver-oomkilled-group", "head", "The head went over"),
        ("rc-worker-oomkilled", "group w", "A process on the worker of group w"),
        ("rj-driver-oomkilled", "head", "A process on the head"),
    ],
)
def test_death_of_memory_is_found_whenever_kubernetes_knows_of_it(
    scenario: str, place: str, word: str
) -> None:
    found = [one for seen in moments(scenario) for one in out_of_memory(seen)]
    assert {str(one.place) for one in found} == {place}
    assert {one.cause for one in found} == {Cause.OUT_OF_MEMORY}
    assert found[0].message.startswith(word)


def test_a_container_that_came_back_is_still_known_to_have_died_of_memory() -> None:
    seen = [s for s in moments("rc-worker-oomkilled-group") if s.at_s < BEGIN_S + 62][-1]
    assert readiness(seen, 1)
    assert [str(one.place) for one in out_of_memory(seen)] == ["group w"]


@pytest.mark.parametrize("scenario", ["rj-active-deadline", "rj-deleted-while-starting"])
def test_exit_code_137_at_the_end_of_a_grace_period_is_not_memory(scenario: str) -> None:
    assert not any(out_of_memory(seen) for seen in moments(scenario))


def test_deaths_are_told_latest_first_and_old_ones_not_at_all() -> None:
    pods = [
        pod(name, containers=[container(state=ended(137, "OOMKilled", t=t))])
        for name, t in (("a", 10), ("b", 30), ("c", 20))
    ]
    found = out_of_memory(seen_of(*pods), since_s=BEGIN_S + 15)
    assert [one.evidence[0].split(",")[0] for one in found] == ["Pod b", "Pod c"]
