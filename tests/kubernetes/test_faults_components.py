"""Faults of the node's programs, of the operator and of the API server's memory."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.faults import components, history
from tests.kubernetes.kuberay import KubeRay
from tests.kubernetes.node import Node

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

pytestmark = pytest.mark.kubernetes


class _BodyFailed(Exception):
    """What a test's body raises inside a fault."""


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
    with contextlib.suppress(_BodyFailed), fault(node, "kubelet"):
        assert not kubelet.serves()
        raise _BodyFailed
    assert kubelet.serves()


def test_without_the_operator_a_ray_cluster_stays_untouched_until_it_is_back(
    kuberay: KubeRay, cluster: Cluster, namespace: str
) -> None:
    where = f"--namespace={namespace}"
    with components.operator_away(kuberay):
        pods_of = ("get", "pods", where, "--output=name")
        cluster.kubectl("create", "--filename=-", where, stdin=_HEAD_ONLY)
        assert cluster.kubectl(*pods_of) == ""
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
