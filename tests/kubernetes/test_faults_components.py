"""Faults of the node's programs, of the operator and of the API server's memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.kubernetes import pods
from tests.kubernetes.faults import components, history
from tests.kubernetes.faults.broken_off import broken_off
from tests.kubernetes.faults.pods import container_id
from tests.kubernetes.faults.recovery import readiness
from tests.kubernetes.light_clusters import STORAGE, light_clusters
from tests.kubernetes.matrix.case import Case, CasesTestbed, new_case
from tests.kubernetes.matrix.rays import STAND_IN
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.kuberay import KubeRay
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.head import EPOCHS
from tests.support.gcs_double import in_this_process

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

pytestmark = [pytest.mark.kubernetes, pytest.mark.whole_node]

_AWAY_S: Final = 120
_COUNT: Final = ["sh", "-c", "while sleep 1; do date +%s; done"]
_SEEN_S: Final = 150
_EPOCHS: Final = [f"epoch {number}" for number in range(EPOCHS)]
# A second between two, and as much again for a busy machine.
_GAP_S: Final = 5
# The operator's pod acts within a second, where there is one.
_UNTOUCHED_S: Final = 3.0


@pytest.fixture
def training(node: Node, cluster: Cluster, kuberay: KubeRay, tmp_path: Path) -> Iterator[Case]:
    """A training on Kubernetes, whose step has not begun."""
    with light_clusters(cluster, "components") as light, in_this_process(STORAGE):
        testbed = CasesTestbed(light=light, node=node, kuberay=kuberay)
        with new_case(testbed, STAND_IN, tmp_path) as case:
            yield case


def test_a_stopped_api_server_refuses_connections_and_is_back_afterwards(
    node: Node, api_client: "ApiClient"
) -> None:
    from kubernetes.client import CoreV1Api
    from urllib3.exceptions import MaxRetryError

    api = CoreV1Api(api_client)
    with (
        components.stopped(node, "kube-apiserver"),
        pytest.raises(MaxRetryError, match="Connection refused"),
    ):
        api.list_node()
    assert api.list_node().items


def test_a_frozen_etcd_makes_the_api_server_hang_until_it_is_thawed(
    node: Node, api_client: "ApiClient", namespace: str
) -> None:
    from kubernetes.client import CoreV1Api
    from urllib3.exceptions import ReadTimeoutError

    api = CoreV1Api(api_client)
    body = {"metadata": {"name": "written"}}
    with (
        components.frozen(node, "etcd"),
        pytest.raises(ReadTimeoutError),
    ):
        api.create_namespaced_config_map(namespace, body, _request_timeout=1)
    assert api.create_namespaced_config_map(namespace, {"metadata": {"name": "after"}})


@pytest.mark.parametrize("fault", [components.stopped, components.frozen])
def test_a_component_is_back_also_if_the_body_raises(
    node: Node, fault: Callable[[Node, str], AbstractContextManager[object]]
) -> None:
    kubelet = node.component("kubelet")
    with broken_off(fault(node, "kubelet")):
        assert not kubelet.serves()
    assert kubelet.serves()


def test_without_the_operator_a_ray_cluster_stays_untouched_until_it_is_back(
    kuberay: KubeRay, cluster: Cluster, namespace: str
) -> None:
    where = f"--namespace={namespace}"
    pods_of = ("get", "pods", where, "--output=name")
    with broken_off(components.operator_away(kuberay)):
        cluster.kubectl("create", "--filename=-", where, stdin=_HEAD_ONLY)
        time.sleep(_UNTOUCHED_S)
        assert cluster.kubectl(*pods_of) == ""
        assert "status" not in cluster.get("raycluster/alone", where)
    cluster.kubectl("wait", "raycluster/alone", where, "--for=jsonpath={.status.head.podName}")
    assert "alone-head" in cluster.kubectl(*pods_of)


def test_a_watch_from_before_history_was_forgotten_is_gone(
    node: Node, api_client: "ApiClient", namespace: str
) -> None:
    from kubernetes.client import ApiException, CoreV1Api
    from kubernetes.watch import Watch

    api = CoreV1Api(api_client)
    seen = api.list_namespaced_config_map(namespace).metadata.resource_version
    api.create_namespaced_config_map(namespace, {"metadata": {"name": "later"}})
    watching = {"namespace": namespace, "resource_version": seen, "timeout_seconds": 5}
    (event,) = Watch().stream(api.list_namespaced_config_map, **(watching | {"timeout_seconds": 1}))
    assert event["object"].metadata.name == "later"

    history.forget(node)
    with pytest.raises(ApiException) as raised:
        list(Watch().stream(api.list_namespaced_config_map, **watching))
    assert raised.value.status == 410
    seen = api.list_namespaced_config_map(namespace).metadata.resource_version
    again = watching | {"resource_version": seen, "timeout_seconds": 1}
    assert list(Watch().stream(api.list_namespaced_config_map, **again)) == []


# The last one: for two minutes more, all ask an API server that starts anew only every minute.
def test_a_pod_and_a_training_outlive_two_minutes_without_the_api_server(
    node: Node, cluster: Cluster, namespace: str, training: Case
) -> None:
    training.marks.create("hold", b"")
    step = training.send()
    training.wait_until(lambda: len(training.trained()) == EPOCHS - 1)
    pods.create(cluster, pods.pod(cluster, namespace, "counter", _COUNT))
    pods.wait(cluster, namespace, "counter", "condition=Ready")
    before = container_id(cluster, namespace, "counter")
    with components.stopped(node, "kube-apiserver"):
        time.sleep(_AWAY_S / 2)
        training.marks.remove("hold")  # it ends while nobody can see it
        time.sleep(_AWAY_S / 2)
    step.join(_SEEN_S)
    assert step.exitcode == 0
    assert [one.line for one in training.told() if one.line.startswith("epoch")] == _EPOCHS
    assert [one.number for one in training.record.attempts()] == [1]
    assert readiness(cluster) == "True"
    assert container_id(cluster, namespace, "counter") == before
    seen = cluster.get("pod/counter", f"--namespace={namespace}")["status"]["containerStatuses"]
    assert [status["restartCount"] for status in seen] == [0]
    seconds = [*map(int, cluster.kubectl("logs", "counter", f"--namespace={namespace}").split())]
    assert seconds[-1] - seconds[0] >= _AWAY_S
    assert max(later - earlier for earlier, later in pairwise(seconds)) <= _GAP_S
    pods.output(cluster, namespace, "afterwards", ["true"])


_HEAD_ONLY = """
apiVersion: ray.io/v1
kind: RayCluster
metadata:
  name: alone
spec:
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        containers:
        - name: ray-head
          image: testbed.invalid/absent:1
          imagePullPolicy: Never
"""
