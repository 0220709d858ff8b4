"""Faults of pods, of the node that carries them, of names and of clocks.

What can be undone is left by an exception here: what follows shows that it is gone then too.
"""

import time
from typing import Any, Final

import pytest

from tests.kubernetes import pods
from tests.kubernetes.faults import clock, dns, memory, nodes, quota
from tests.kubernetes.faults.broken_off import broken_off
from tests.kubernetes.faults.pods import container_id, delete_pod, kill_container
from tests.kubernetes.faults.recovery import readiness
from tests.kubernetes.faults.waiting import FaultError, until
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster, ClusterError
from tests.kubernetes.testbed.node import Node

pytestmark = [pytest.mark.kubernetes, pytest.mark.whole_node]

_SLEEP: Final = ["sleep", "infinity"]
_LIMITED: Final = {"resources": {"limits": {"memory": "64Mi"}}}
_NAME: Final = "kubernetes.default.svc.cluster.local"
_ASK: Final = ["python", "-c", f"import socket; print(socket.gethostbyname('{_NAME}'))"]
_TELL_TIME: Final = """
import threading, time
while not threading.Event().wait(0.2):
    print(time.time(), time.monotonic(), flush=True)
"""
_NOTICE_S: Final = 20.0


def test_a_killed_container_ends_with_137_and_no_word_of_memory(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    kill_container(cluster, namespace, "sleeper")
    pods.wait(cluster, namespace, "sleeper", "jsonpath={.status.phase}=Failed")
    ended = memory.death(cluster, namespace, "sleeper")
    assert (ended["exitCode"], ended["reason"]) == (137, "Error")


def test_a_deleted_pod_is_gone(cluster: Cluster, namespace: str) -> None:
    _sleeper(cluster, namespace)
    delete_pod(cluster, namespace, "sleeper")
    pods.wait(cluster, namespace, "sleeper", "delete")
    with pytest.raises(ClusterError, match="not found"):
        container_id(cluster, namespace, "sleeper")


def test_a_container_whose_memory_runs_out_as_a_whole_is_oom_killed(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace, **_LIMITED)
    memory.run_out_of_memory(cluster, namespace, "sleeper", whole=True)
    pods.wait(cluster, namespace, "sleeper", "jsonpath={.status.phase}=Failed")
    ended = memory.death(cluster, namespace, "sleeper")
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_a_container_of_which_one_process_ran_out_of_memory_lives_on(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace, **_LIMITED)
    memory.run_out_of_memory(cluster, namespace, "sleeper", whole=False)
    assert cluster.kubectl("exec", "sleeper", f"--namespace={namespace}", "--", "echo", "alive")
    assert memory.death(cluster, namespace, "sleeper") == {}


def test_a_container_without_a_limit_is_not_made_to_eat_the_machines_memory(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    with pytest.raises(FaultError, match="no limit of memory"):
        memory.run_out_of_memory(cluster, namespace, "sleeper", whole=True)


def test_a_full_quota_refuses_a_pod_until_it_is_gone(cluster: Cluster, namespace: str) -> None:
    _sleeper(cluster, namespace)
    with broken_off(quota.filled(cluster, namespace)) as name:
        refusal = f"exceeded quota: {name}, requested: pods=1, used: pod"
        with pytest.raises(ClusterError, match=refusal):
            pods.create(cluster, pods.pod(cluster, namespace, "another", _SLEEP))
    pods.create(cluster, pods.pod(cluster, namespace, "another", _SLEEP))


def test_a_taint_keeps_pods_away_until_it_is_gone(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    with broken_off(nodes.tainted(cluster)):
        pods.create(cluster, pods.pod(cluster, namespace, "waiting", ["true"]))
        _until_turned_away(cluster, namespace, "waiting", "untolerated taint")
    pods.wait(cluster, namespace, "waiting", "jsonpath={.status.phase}=Succeeded")


def test_a_drained_node_has_evicted_the_chosen_pods_and_takes_pods_afterwards(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    with broken_off(nodes.drained(cluster, selector="app=sleeper")):
        assert "sleeper" not in cluster.kubectl("get", "pods", f"--namespace={namespace}")
        pods.create(cluster, pods.pod(cluster, namespace, "waiting", ["true"]))
        _until_turned_away(cluster, namespace, "waiting", "node(s) were unschedulable")
    pods.wait(cluster, namespace, "waiting", "jsonpath={.status.phase}=Succeeded")


def test_a_silent_node_is_not_ready_while_its_pods_run_on(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    before = container_id(cluster, namespace, "sleeper")
    with broken_off(nodes.not_ready(node)):
        assert readiness(cluster) == "Unknown"
    assert readiness(cluster) == "True"
    pods.wait(cluster, namespace, "sleeper", "condition=Ready")
    assert container_id(cluster, namespace, "sleeper") == before


def test_names_resolve_again_after_each_way_of_not_resolving(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    _until_resolved(cluster, namespace)
    # Timed out, failed for now, and no such name: a program may try again after the first two.
    with broken_off(dns.silent(node)), pytest.raises(ClusterError, match="exit code 124"):
        _exec(cluster, namespace, "timeout", "2", *_ASK)
    _until_resolved(cluster, namespace)
    with broken_off(dns.refusing(node)), pytest.raises(ClusterError, match="Temporary failure"):
        _exec(cluster, namespace, "timeout", "5", *_ASK)
    _until_resolved(cluster, namespace)
    with broken_off(dns.forgetful(node)), pytest.raises(ClusterError, match="not known"):
        _exec(cluster, namespace, *_ASK)
    _until_resolved(cluster, namespace)


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_container_sees_its_clock_set_and_right_again(
    cluster: Cluster, namespace: str, seconds: int
) -> None:
    _clock(cluster, namespace)
    assert _ahead_s(cluster, namespace) == pytest.approx(0, abs=10)
    with broken_off(clock.set_by(cluster, namespace, "clock", seconds=seconds)):
        assert _ahead_s(cluster, namespace) == pytest.approx(seconds, abs=10)
    assert _ahead_s(cluster, namespace) == pytest.approx(0, abs=10)


def test_a_process_that_runs_sees_its_clock_set_back_and_measures_durations_as_before(
    cluster: Cluster, namespace: str
) -> None:
    _clock(cluster, namespace)
    before, durations_before = _told(cluster, namespace)
    with broken_off(clock.set_by(cluster, namespace, "clock", seconds=-3600)):
        until(
            "clock set back in the process that runs",
            lambda: _told(cluster, namespace)[0] < before - 3000,
            timeout_s=_NOTICE_S,
        )
        assert 0 < _told(cluster, namespace)[1] - durations_before < 60
    until(
        "right clock in the process that runs",
        lambda: _told(cluster, namespace)[0] > before,
        timeout_s=_NOTICE_S,
    )


def _sleeper(cluster: Cluster, namespace: str, **options: Any) -> None:
    pods.create(cluster, pods.pod(cluster, namespace, "sleeper", _SLEEP, **options))
    pods.wait(cluster, namespace, "sleeper", "condition=Ready")


def _exec(cluster: Cluster, namespace: str, *command: str, pod: str = "sleeper") -> str:
    return cluster.kubectl("exec", pod, f"--namespace={namespace}", "--", *command)


def _until_resolved(cluster: Cluster, namespace: str) -> None:
    def resolves() -> bool:
        try:
            return bool(_exec(cluster, namespace, *_ASK))
        except ClusterError:
            return False

    # The server answers before it has learnt the cluster's names.
    until("address", resolves, timeout_s=_NOTICE_S)


def _until_turned_away(cluster: Cluster, namespace: str, pod: str, reason: str) -> None:
    where = (f"pod/{pod}", f"--namespace={namespace}")
    message = '--output=jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}'
    until(
        f"pod that waits because {reason}",
        lambda: reason in cluster.kubectl("get", *where, message),
        timeout_s=_NOTICE_S,
    )


def _clock(cluster: Cluster, namespace: str) -> None:
    """A pod that goes on telling the time, by a clock that can be set."""
    telling = ["python", "-c", _TELL_TIME]
    pods.create(cluster, pods.pod(cluster, namespace, "clock", telling, env=clock.ENVIRONMENT))
    pods.wait(cluster, namespace, "clock", "condition=Ready")
    if operator.chosen() == operator.CLUSTER:
        library = clock.ENVIRONMENT["LD_PRELOAD"]
        try:
            _exec(cluster, namespace, "test", "-e", library, pod="clock")
        except ClusterError:
            pytest.skip(f"the image {cluster.image} has no {library} (Debian's libfaketime)")


def _told(cluster: Cluster, namespace: str) -> tuple[float, float]:
    """What the process of `_clock` has told last: the time, and what it measures durations by."""
    last = ("logs", "clock", f"--namespace={namespace}", "--tail=1")
    said = until("word of the clock", lambda: cluster.kubectl(*last), timeout_s=_NOTICE_S)
    time_now, monotonic = map(float, said.split())
    return time_now, monotonic


def _ahead_s(cluster: Cluster, namespace: str) -> float:
    """How far a new process of `_clock`'s container is ahead of this machine."""
    code = "import time; print(time.time())"
    return float(_exec(cluster, namespace, "python", "-c", code, pod="clock")) - time.time()
