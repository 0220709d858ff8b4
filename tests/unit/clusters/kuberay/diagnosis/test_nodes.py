"""Pods that get no node, and pods that lose theirs."""

from typing import Any

import pytest

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.seen import Object
from tests.unit.clusters.kuberay.objects import (
    container,
    ended,
    event,
    only_finding,
    pod,
    running,
    seen_of,
)
from tests.unit.clusters.kuberay.recorded import time_text

NAME = "c-w-worker-abcde"


def unschedulable_pod(text: str, *, reason: str = "Unschedulable", **spec: Any) -> Object:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": text}
    return pod(conditions=[condition], spec=spec)


def said(text: str, **spec: Any) -> str:
    return only_finding(seen_of(unschedulable_pod(text, **spec))).failure.message


def test_nodes_that_only_lack_a_resource_are_counted_apart_from_those_that_never_would_do() -> None:
    message = said(
        "0/5 nodes are available: 2 Insufficient memory, 3 node(s) had untolerated taint "
        "{nvidia.com/gpu: present}. preemption: 0/5 nodes are available: 5 No preemption victims."
    )
    assert "any of 5 nodes" in message
    assert "2 without enough memory left" in message
    assert "3 with a taint that it does not tolerate, nvidia.com/gpu: present" in message
    assert "2 of 5 would do but for that" in message


def test_the_selector_that_no_node_matches_is_written_out() -> None:
    text = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    assert "gpu.kind=a100" in said(text, nodeSelector={"gpu.kind": "a100"})
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    assert "zone In a,b" in said(text, affinity={"nodeAffinity": required})


def test_a_claim_without_a_volume_is_passed_on_in_the_schedulers_words() -> None:
    text = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption:"
    found = only_finding(seen_of(unschedulable_pod(text)))
    assert "unbound immediate PersistentVolumeClaims" in found.failure.message
    assert "kubectl get pvc" in found.failure.hint


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        ("3 node(s) had volume node affinity conflict", "of the same zone"),
        ("3 node(s) didn't match PersistentVolume's node affinity", "of the same zone"),
        ("3 node(s) didn't match pod anti-affinity rules", "Its affinity to other pods"),
        ("3 node(s) didn't satisfy existing pods anti-affinity rules", "Its affinity to other"),
        ("3 node(s) didn't match pod topology spread constraints", "Its affinity to other pods"),
        ("3 node(s) didn't match Pod's node affinity/selector", "label nodes"),
        ("3 node(s) had untolerated taint {team: a}", "Add a toleration"),
        ("3 node(s) were unschedulable", "uncordon"),
        ("3 node(s) had untolerated taint {node.kubernetes.io/unschedulable: }", "uncordon"),
        ('persistentvolumeclaim "data" not found', "kubectl get pvc"),
        ("3 Too many pods", "kubectl describe nodes"),
    ],
)
def test_the_next_step_is_that_of_the_schedulers_own_reason(why: str, hint: str) -> None:
    text = f"0/3 nodes are available: {why}. preemption: 0/3 nodes are available: 3 No victims."
    found = only_finding(seen_of(unschedulable_pod(text)))
    assert hint in found.failure.hint
    assert found.failure.hint.count(".") <= 2


@pytest.mark.parametrize(
    "taint", ["not-ready: ", "unreachable: ", "disk-pressure: ", "network-unavailable: "]
)
def test_a_node_that_is_not_well_is_waited_for_and_not_tolerated(taint: str) -> None:
    why = f"1 node(s) had untolerated taint {{node.kubernetes.io/{taint}}}"
    found = only_finding(seen_of(unschedulable_pod(f"0/1 nodes are available: {why}.")))
    assert "not well, node.kubernetes.io/" in found.failure.message
    assert found.failure.hint.startswith("Wait: nodes are not ready")
    assert "toleration" not in found.failure.hint


def test_each_of_several_reasons_has_its_next_step() -> None:
    text = "0/3 nodes are available: 1 node(s) had untolerated taint {team: a}, 2 node(s) didn't "
    found = only_finding(seen_of(unschedulable_pod(f"{text}match pod anti-affinity rules.")))
    assert "Add a toleration" in found.failure.hint
    assert "Its affinity to other pods" in found.failure.hint


def test_three_nodes_and_four_nodes_are_one_finding() -> None:
    texts = [f"0/{n} nodes are available: {n} Insufficient cpu." for n in (3, 4)]
    keys = {only_finding(seen_of(unschedulable_pod(text))).key for text in texts}
    assert keys == {"unschedulable/worker/w/cpu"}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("TriggeredScaleUp", "A node is being added."),
        ("NotTriggerScaleUp", "No node is being added: max node group size reached"),
    ],
)
def test_the_autoscalers_answer_is_told(reason: str, expected: str) -> None:
    one = unschedulable_pod("0/1 nodes are available: 1 Insufficient cpu.")
    answer = event(reason, "max node group size reached", NAME)
    found = only_finding(seen_of(one, events=[answer]))
    assert found.failure.message.endswith(expected)
    assert (found.state, found.give_up_after_s) == ("starting", None)


def test_a_pod_behind_a_gate_of_a_queue_is_queued() -> None:
    one = unschedulable_pod("Scheduling is blocked", reason="SchedulingGated")
    found = only_finding(seen_of(one))
    assert (found.key, found.state) == ("gated/worker/w", "queued")


@pytest.mark.parametrize(
    ("reason", "key", "word"),
    [
        ("PreemptionByScheduler", "preempted/worker/w", "higher priority"),
        ("DeletionByTaintManager", "node-lost/worker/w", "taint"),
        ("EvictionByEvictionAPI", "evicted/worker/w", "drain"),
        ("DeletionByPodGC", "node-lost/worker/w", "node is gone"),
        ("TerminationByKubelet", "evicted/worker/w", "ended by its node"),
    ],
)
def test_a_pod_that_is_taken_from_its_node_says_by_whom(reason: str, key: str, word: str) -> None:
    target = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "so"}
    one = pod(containers=[container(state=running())], conditions=[target], going=True)
    found = only_finding(seen_of(one))
    assert (found.key, found.state) == (key, "starting")
    assert found.failure.cause is Cause.NODE_LOST
    assert found.failure.place == Place(kind="node", name="node-1")
    assert word in found.failure.message


def test_an_evicted_pod_is_evicted_and_has_not_crashed() -> None:
    text = "The node was low on resource: ephemeral-storage."
    status = {"reason": "Evicted", "message": text}
    one = pod(containers=[container(state=ended(137))], phase="Failed", status=status)
    found = only_finding(seen_of(one))
    assert found.key == "evicted/worker/w"
    assert text in found.failure.message
    assert "`disk`" in found.failure.hint


@pytest.mark.parametrize("reason", ["NodeNotReady", "TaintManagerEviction"])
def test_a_node_that_is_lost_is_told_by_the_events_of_its_pods(reason: str) -> None:
    one = pod(containers=[container(state=running())], phase="Running")
    found = only_finding(seen_of(one, events=[event(reason, "Node is not ready", NAME)]))
    assert found.key == "node-lost/worker/w"


def test_an_eviction_that_was_cancelled_or_overcome_is_none() -> None:
    cancelled = event("TaintManagerEviction", "Cancelling deletion of Pod ns/x", NAME)
    one = pod(containers=[container(state=running())], phase="Running")
    assert diagnose(seen_of(one, events=[cancelled])) == ()
    ready = pod(containers=[container(state=running(), ready=True)], phase="Running", ready=True)
    assert diagnose(seen_of(ready, events=[event("NodeNotReady", "no", NAME)])) == ()


def test_a_node_that_refuses_what_the_scheduler_gave_it_is_named() -> None:
    status = {"reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"}
    found = only_finding(seen_of(pod(phase="Failed", status=status)))
    assert found.key == "pod-failed/worker/w/OutOfcpu"


def test_another_reason_on_the_same_nodes_is_told_anew() -> None:
    def key(why: str) -> str:
        text = f"0/1 nodes are available: 1 {why}. preemption: no"
        return only_finding(seen_of(unschedulable_pod(text))).key

    selector = "node(s) didn't match Pod's node affinity/selector"
    assert key(selector) == "unschedulable/worker/w/labels"
    assert key("node(s) had untolerated taint(s)") == "unschedulable/worker/w/taint"
    assert key("node(s) were unschedulable") == "unschedulable/worker/w/cordoned"


NO_DEVICE = {
    "reason": "UnexpectedAdmissionError",
    "message": "Allocate failed due to no healthy devices present; cannot allocate nvidia.com/gpu",
}
OTHERS = [pod(f"ok-{n}", phase="Running", ready=True) for n in range(7)]
"""Of eight workers seven run: on average none was made anew."""


def failed_pod(
    made: float, *, node: str = "node-1", status: Object = NO_DEVICE, **more: Any
) -> Object:
    """A pod that has failed and is there."""
    one = pod(f"w-{made}-{node}", phase="Failed", spec={"nodeName": node}, status=status, **more)
    return {**one, "metadata": {**one["metadata"], "creationTimestamp": time_text(made)}}


def gone_pod(made: float, **more: Any) -> Object:
    """One that was deleted a second after it was made."""
    one = failed_pod(made, **more)
    return {**one, "metadata": {**one["metadata"], "deletionTimestamp": time_text(made + 1)}}


def test_a_node_that_takes_none_of_three_pods_one_after_another_is_the_end() -> None:
    found = only_finding(seen_of(failed_pod(20), *OTHERS, gone=(gone_pod(0), gone_pod(10))))
    assert (found.key, found.state) == ("pod-failed/worker/w/UnexpectedAdmissionError", "broken")
    assert found.failure.place == Place(kind="node", name="node-1")
    assert "Node node-1 has failed 3 pods of the group w in a row" in found.failure.message
    assert "no healthy devices" in found.failure.message
    assert found.failure.hint.startswith("Take it out (kubectl cordon node-1)")
    assert len(found.failure.evidence) == 3


@pytest.mark.parametrize(
    "gone",
    [
        (gone_pod(0, node="node-2"), gone_pod(10, node="node-2")),
        (gone_pod(0), gone_pod(0)),
        (gone_pod(0, status={"reason": "Evicted"}), gone_pod(10, status={"reason": "Evicted"})),
    ],
    ids=["on another node", "beside each other", "evicted"],
)
def test_a_node_that_has_failed_less_often_is_waited_for(gone: tuple[Object, ...]) -> None:
    found = only_finding(seen_of(failed_pod(20), *OTHERS, gone=gone))
    assert found.state == "starting"
    assert found.failure.hint.startswith("Nothing: another pod takes its place.")


def test_pods_that_fail_on_whatever_node_they_get_are_ended_after_three() -> None:
    gone = (gone_pod(0, node="n-2"), gone_pod(10, node="n-3"))
    found = only_finding(seen_of(failed_pod(20), gone=gone), recreations={"w": 2})
    assert (found.state, found.failure.place) == ("broken", Place(kind="group", name="w"))
    assert found.failure.hint.endswith("kubectl describe node n-2 n-3 node-1")


def test_a_race_for_the_room_of_a_node_passes_however_often_it_is_lost() -> None:
    lost = {"reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"}
    gone = tuple(gone_pod(made, status=lost) for made in (0, 10, 20))
    seen = seen_of(failed_pod(30, status=lost), gone=gone)
    assert only_finding(seen, recreations={"w": 3}).state == "starting"


def test_a_check_that_fails_in_each_pod_that_its_node_gets_is_the_end() -> None:
    """Where pods are never restarted: each failure is one more pod."""
    name = "preflight-dcgm-diag"
    its: dict[str, Any] = {"init": [container(name, state=ended(1))], "status": {}}
    gone = (gone_pod(0, **its), gone_pod(10, **its))
    found = only_finding(seen_of(failed_pod(20, **its), *OTHERS, gone=gone))
    assert (found.key, found.state) == (f"preflight/{name}/worker/w", "broken")
    assert found.failure.place == Place(kind="node", name="node-1")
