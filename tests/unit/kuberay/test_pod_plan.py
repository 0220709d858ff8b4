from tests.support.kuberay.pod_plan import (
    CreateHead,
    CreateWorker,
    Delete,
    DeleteAll,
    Plan,
    plan_pods,
)
from tests.unit.kuberay.things import cluster, group, pod

NONE: frozenset[str] = frozenset()
ENDED = {"terminated": {"exitCode": 1, "reason": "Error"}}


def test_head_and_workers_are_made_in_one_pass() -> None:
    it = cluster(workerGroupSpecs=[group(replicas=2)])
    assert plan_pods(it, [], NONE).steps == (
        CreateHead(),
        CreateWorker(group="w", index=0),
        CreateWorker(group="w", index=1),
    )


def test_a_replacement_takes_the_free_index() -> None:
    it = cluster(workerGroupSpecs=[group(replicas=3)])
    pods = [pod("head"), pod(index=0, name="a"), pod(index=2, name="c")]
    assert plan_pods(it, pods, NONE).steps == (CreateWorker(group="w", index=1),)


def test_a_terminating_pod_still_counts() -> None:
    dying = pod()
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert plan_pods(cluster(), [pod("head"), dying], NONE) == Plan()


def test_an_ended_head_is_deleted_and_the_workers_are_left_for_later() -> None:
    plan = plan_pods(cluster(), [pod("head", "h", phase="Failed", state=ENDED)], NONE)
    (step,) = plan.steps
    assert isinstance(step, Delete)
    assert step.name == "h"
    assert "Pod status: Failed; Pod restart policy: Always" in step.note
    assert plan.failure


def test_an_ended_worker_is_deleted_before_a_new_one_is_made() -> None:
    it = cluster(workerGroupSpecs=[group(replicas=2)])
    plan = plan_pods(it, [pod("head"), pod(phase="Failed", name="a")], NONE)
    assert [type(step) for step in plan.steps] == [Delete]
    assert plan.failure == "1 workers of group w have ended"


def test_a_container_that_restarts_by_itself_is_left_alone() -> None:
    pods = [pod("head", state=ENDED, ready=False), pod(state=ENDED, ready=False)]
    assert plan_pods(cluster(), pods, NONE) == Plan()


def test_a_container_that_may_not_restart_is_deleted_with_its_pod() -> None:
    pods = [pod("head"), pod(state=ENDED, ready=False, policy="Never")]
    assert [type(step) for step in plan_pods(cluster(), pods, NONE).steps] == [Delete]


def test_pods_too_many_are_deleted() -> None:
    pods = [pod("head"), pod(name="a", index=0), pod(name="b", index=1)]
    (step,) = plan_pods(cluster(), pods, NONE).steps
    assert step == Delete(group="w", name="a", note="")


def test_replicas_keep_within_their_bounds() -> None:
    it = cluster(workerGroupSpecs=[{**group(), "replicas": 5, "maxReplicas": 2}])
    assert len(plan_pods(it, [pod("head")], NONE).steps) == 2


def test_a_group_whose_last_step_is_not_visible_yet_is_skipped() -> None:
    it = cluster(workerGroupSpecs=[group("w"), group("v")])
    assert plan_pods(it, [pod("head")], frozenset({"w"})).steps == (
        CreateWorker(group="v", index=0),
    )


def test_two_heads_are_an_error_that_touches_nothing() -> None:
    plan = plan_pods(cluster(), [pod("head", "a"), pod("head", "b")], NONE)
    assert plan.steps == ()
    assert plan.failure == "more than one head: a, b"


def test_a_suspended_cluster_gets_no_pods() -> None:
    assert plan_pods(cluster(suspend=True), [], NONE) == Plan()


def test_a_cluster_that_is_suspending_loses_all_pods_on_every_pass() -> None:
    status = {"conditions": [{"type": "RayClusterSuspending", "status": "True"}]}
    assert plan_pods(cluster(status=status), [], NONE).steps == (DeleteAll(),)


def test_pods_of_a_group_that_is_no_longer_there_are_left_alone() -> None:
    it = cluster(workerGroupSpecs=[])
    assert plan_pods(it, [pod("head"), pod(name="a")], NONE) == Plan()
