"""Passes over a RayCluster against an API server."""

import pytest

from tests.support.kuberay.api import POD, RAY_CLUSTER, SECRET, SERVICE, Object
from tests.support.kuberay.cluster_controller import ClusterController
from tests.support.kuberay.controller import PassFailed
from tests.support.kuberay.event_recorder import EventRecorder
from tests.support.kuberay.informer import Informer
from tests.unit.kuberay.api_server import ApiServer
from tests.unit.kuberay.things import cluster, group

KEY = ("ns", "rc1")


def reconcile(server: ApiServer, it: Object) -> float | None:
    """One pass over a RayCluster that has nothing yet."""
    clusters = Informer(server.api, RAY_CLUSTER)
    clusters.wrote(it)
    controller = ClusterController(
        server.api,
        clusters=clusters,
        pods=Informer(server.api, POD),
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
