"""A cluster that is stopped while Ray starts in it is gone within seconds.

Ray itself is deaf to SIGTERM until it runs.
"""

import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest

from ml_platform.clusters.interface import ClusterRequest
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.errors import ClusterStartError
from ml_platform.xray.records import Recorder
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import LightClusters, light_clusters
from tests.kubernetes.testbed.cluster import Cluster

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.two_cores,
    pytest.mark.usefixtures("node", "kuberay"),
]

GONE_WITHIN_S: Final = 5.0
SPEC: Final = ClusterSpec(
    provisioner="ephemeral", head=HeadGroup(memory="2Gi"), workers=WorkerGroup(memory="1Gi")
)


@pytest.fixture
def light(cluster: Cluster) -> Iterator[LightClusters]:
    with light_clusters(cluster, "starting") as light:
        yield light


def test_it_is_gone_within_seconds(light: LightClusters) -> None:
    failures: list[str] = []

    def start() -> None:
        request = ClusterRequest(name="starting", spec=SPEC, holder="test")
        provisioner = EphemeralProvisioner(light.real_ray())
        try:
            with provisioner.acquire(request, Recorder()):
                failures.append("it was ready")
        except ClusterStartError as error:
            failures.append(error.message)

    starting = threading.Thread(target=start)
    starting.start()
    until("head in which Ray starts", lambda: _ray_runs(light), timeout_s=60.0)
    began = time.monotonic()
    EphemeralProvisioner(light.real_ray()).stop("starting")
    took_s = time.monotonic() - began
    assert light.left() == []
    starting.join()
    assert failures == ["the cluster starting was deleted while it started"]
    assert took_s < GONE_WITHIN_S


def _ray_runs(light: LightClusters) -> bool:
    """Whether both containers of Ray run, the worker's still waiting for the head."""
    pods = light.cluster.get("pods", f"--namespace={light.namespace}", "-l=ray.io/cluster")["items"]
    states = [
        status["state"]
        for pod in pods
        for kind in ("initContainerStatuses", "containerStatuses")
        for status in pod.get("status", {}).get(kind, ())
        if status["name"] in ("ray-head", "wait-for-head")
    ]
    return len(states) == 2 and all("running" in state for state in states)
