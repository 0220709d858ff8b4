"""Faults of pods, of the node that carries them, of names and of clocks."""

import time
from typing import Any, Final

import pytest

from tests.kubernetes import pods
from tests.kubernetes.cluster import Cluster, ClusterError
from tests.kubernetes.faults import clock, dns, memory, nodes, quota
from tests.kubernetes.faults.pods import container_id, delete_pod, kill_container
from tests.kubernetes.faults.waiting import FaultError, until
from tests.kubernetes.node import Node

pytestmark = pytest.mark.kubernetes

_SLEEP: Final = ["sleep", "infinity"]
_LIMITED: Final = {"resources": {"limits": {"memory": "64Mi"}}}
_ASK: Final = ["getent", "hosts", "kubernetes.default.svc.cluster.local"]


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
    with (
        quota.filled(cluster, namespace) as name,
        pytest.raises(ClusterError, match=f"exceeded quota: {name}, requested: pods=1, used: pod"),
    ):
        pods.create(cluster, pods.pod(cluster, namespace, "another", _SLEEP))
    pods.create(cluster, pods.pod(cluster, namespace, "another", _SLEEP))


def test_a_taint_keeps_pods_away_until_it_is_gone(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    with nodes.tainted(cluster):
        pods.create(cluster, pods.pod(cluster, namespace, "waiting", ["true"]))
        message = 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}'
        until(
            "reason why the pod waits",
            lambda: (
                "untolerated taint"
                in cluster.kubectl("get", *_pod(namespace, "waiting"), f"-o={message}")
            ),
            timeout_s=20,
        )
    pods.wait(cluster, namespace, "waiting", "jsonpath={.status.phase}=Succeeded")


def test_a_drained_node_has_evicted_the_chosen_pods_and_takes_pods_afterwards(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    with nodes.drained(cluster, selector="app=sleeper"):
        assert "sleeper" not in cluster.kubectl("get", "pods", f"--namespace={namespace}")
    _sleeper(cluster, namespace)


def test_a_silent_node_is_not_ready_while_its_pods_run_on(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    before = container_id(cluster, namespace, "sleeper")
    with nodes.not_ready(node):
        assert nodes.readiness(cluster) == "Unknown"
    assert nodes.readiness(cluster) == "True"
    pods.wait(cluster, namespace, "sleeper", "condition=Ready")
    assert container_id(cluster, namespace, "sleeper") == before


def test_names_resolve_again_after_each_way_of_not_resolving(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace)
    assert _exec(cluster, namespace, *_ASK)
    with dns.silent(node), pytest.raises(ClusterError, match="exit code 124"):
        _exec(cluster, namespace, "timeout", "2", *_ASK)
    with dns.refusing(node), pytest.raises(ClusterError, match="exit code 2"):
        _exec(cluster, namespace, "timeout", "5", *_ASK)
    with dns.forgetful(node), pytest.raises(ClusterError, match="exit code 2"):
        _exec(cluster, namespace, *_ASK)
    until("name", lambda: _exec(cluster, namespace, *_ASK), timeout_s=20)


def test_a_container_sees_its_clock_set_back_and_right_again(
    cluster: Cluster, namespace: str
) -> None:
    _sleeper(cluster, namespace, env=clock.ENVIRONMENT)
    assert _ahead_s(cluster, namespace) == pytest.approx(0, abs=10)
    with clock.set_by(cluster, namespace, "sleeper", seconds=-3600):
        assert _ahead_s(cluster, namespace) == pytest.approx(-3600, abs=10)
    assert _ahead_s(cluster, namespace) == pytest.approx(0, abs=10)


def test_a_clock_that_is_set_back_does_not_touch_durations(
    cluster: Cluster, namespace: str
) -> None:
    code = "import time; print(time.monotonic())"
    _sleeper(cluster, namespace, env=clock.ENVIRONMENT)
    before = float(_exec(cluster, namespace, "python", "-c", code))
    with clock.set_by(cluster, namespace, "sleeper", seconds=-3600):
        assert float(_exec(cluster, namespace, "python", "-c", code)) > before


def _sleeper(cluster: Cluster, namespace: str, **options: Any) -> None:
    pods.create(cluster, pods.pod(cluster, namespace, "sleeper", _SLEEP, **options))
    pods.wait(cluster, namespace, "sleeper", "condition=Ready")


def _exec(cluster: Cluster, namespace: str, *command: str) -> str:
    return cluster.kubectl("exec", "sleeper", f"--namespace={namespace}", "--", *command)


def _ahead_s(cluster: Cluster, namespace: str) -> float:
    said = _exec(cluster, namespace, "python", "-c", "import time; print(time.time())")
    return float(said) - time.time()


def _pod(namespace: str, name: str) -> tuple[str, str]:
    return f"pod/{name}", f"--namespace={namespace}"
