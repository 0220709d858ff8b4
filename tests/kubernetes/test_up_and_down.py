"""A node leaves nothing on the machine, however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.kubernetes import pods, traces
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.node import down, running, up

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.whole_node,
    pytest.mark.usefixtures("bare_machine"),
]

_SLEEP = ["sleep", "infinity"]


def test_down_leaves_nothing_of_a_node_with_a_pod_that_runs() -> None:
    before = traces.look()
    cluster = up().cluster
    pods.create(cluster, pods.pod(cluster, "default", "sleeper", _SLEEP))
    pods.wait(cluster, "default", "sleeper", "condition=Ready")
    down()
    assert traces.look() == before


@pytest.mark.parametrize(
    "last_seen",
    [
        "namespaces.json",
        "components/containerd.process.json",
        "components/kube-apiserver.process.json",
        "components/kubelet.process.json",
    ],
)
def test_down_leaves_nothing_of_an_up_that_was_killed_half_way(last_seen: str) -> None:
    before = traces.look()
    _killed_once_there_is(last_seen)
    down()
    assert traces.look() == before


def test_a_node_comes_up_over_what_a_killed_up_has_left() -> None:
    before = traces.look()
    _killed_once_there_is("components/kubelet.process.json")
    cluster = up().cluster
    assert "Ready" in cluster.kubectl("get", "nodes", "--no-headers")
    down()
    assert traces.look() == before


def test_down_on_a_machine_without_a_node_does_nothing() -> None:
    before = traces.look()
    down()
    assert traces.look() == before
    assert running() is None


def _killed_once_there_is(file: str) -> None:
    command = [sys.executable, "-m", "tests.kubernetes.testbed", "up", "--without-kuberay"]
    with subprocess.Popen(command, cwd=layout.CHECKOUT, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (layout.FOLDER / file).exists():
            assert time.monotonic() < deadline, f"no {file}"
            assert process.poll() is None, "`up` ended by itself"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
