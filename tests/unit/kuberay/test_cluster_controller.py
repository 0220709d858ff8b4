"""Passes over a RayCluster against an API server."""

import pytest

from tests.support.kuberay.api import POD, RAY_CLUSTER, SECRET, SERVICE, Object
from tests.support.kuberay.cluster_controller import ClusterController
from tests.support.kuberay.controller import PassFailed
from tests.support.kuberay.event_recorder import EventRecorder
from tests.support.kuberay.informer import Informer
from tests.unit.kuberay.api_server import ApiServer
from tests.unit.kuberay.things import cluster, group, pod

KEY = ("ns", "rc1")


def reconcile(server: ApiServer, it: Object, *there: Object) -> float | None:
    """One pass over a RayCluster that has these pods."""
    clusters, pods = Informer(server.api, RAY_CLUSTER), Informer(server.api, POD)
    clusters.wrote(it)
    for each in there:
        each["metadata"] |= {"uid": each["metadata"]["name"], "resourceVersion": "1"}
        pods.wrote({**each, "metadata": {**each["metadata"], "creationTimestamp": "t"}})
    controller = ClusterController(
        server.api,
        clusters=clusters,
        pods=pods,
        services=Informer(server.api, SERVICE),
        secrets=Informer(server.api, SECRET),
        events=EventRecorder(server.api, "raycluster-controller"),
        domain="cluster.local",
        resync_s=300,
    )
    return controller.reconcile(KEY)


def test_an_invalid_spec_waits_for_its_change(server: ApiServer) -> None:
    assert reconcile(server, cluster(workerGroupSpecs=[group(minReplicas=9)])) is None
    assert server.writes == []


def test_an_invalid_status_is_looked_at_again_with_a_growing_delay(server: ApiServer) -> None:
    conditions = [
        {"type": kind, "status": "True"} for kind in ("RayClusterSuspended", "RayClusterSuspending")
    ]
    with pytest.raises(PassFailed, match="RayCluster status is invalid ns/rc1"):
        reconcile(server, cluster(status={"conditions": conditions}))
    assert server.writes == []


def test_a_cluster_that_another_controller_manages_is_left_alone(server: ApiServer) -> None:
    assert reconcile(server, cluster(managedBy="kueue.x-k8s.io/multikueue")) is None
    assert server.writes == []


def test_a_head_service_that_is_refused_leaves_a_cluster_without_status(server: ApiServer) -> None:
    server.refused.append(("POST", "/services"))
    with pytest.raises(PassFailed, match="no"):
        reconcile(server, cluster())
    assert server.writes == []


def test_a_deletion_that_is_refused_is_a_replica_failure(server: ApiServer) -> None:
    server.refused.append(("DELETE", "/pods/h"))
    with pytest.raises(PassFailed):
        reconcile(server, cluster(), pod("head", "h", phase="Failed"))
    (written,) = server.written("PUT", "/rayclusters/rc1/status")
    failure = next(c for c in written["status"]["conditions"] if c["type"] == "ReplicaFailure")
    assert (failure["reason"], failure["message"]) == (
        "FailedDeleteHeadPod",
        "FailedDeleteHeadPod\nno",
    )
