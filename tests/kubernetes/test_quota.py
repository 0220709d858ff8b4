"""A cluster whose quota has room again starts at once, and not when its operator tries next.

API server, operator, pods and the step are real. By itself the operator waits longer after each
failure: after 40 s in vain it is another 40 s.
"""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from ml_platform.clusters.interface import ClusterRequest
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.reminder import EVERY_S
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.xray.records import Event, Recorder
from tests.kubernetes import pods
from tests.kubernetes.faults import quota
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node

pytestmark = pytest.mark.kubernetes

SLEEPS: Final = ["sleep", "600"]
IN_VAIN_S: Final = 42.0
STARTS_WITHIN_S: Final = 15.0
LIMITS: Final = {"start_s": 120, "unsubmitted_s": 150, "running_s": 300, "grace_s": 2, "gone_s": 2}
REQUEST: Final = ClusterRequest(
    name="refused",
    spec=ClusterSpec(
        provisioner="ephemeral",
        head=HeadGroup(memory="256Mi"),
        workers=WorkerGroup(memory="256Mi"),
    ),
    holder="test",
)


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "quota") as light:
        yield light


def test_a_quota_that_has_room_again_is_used_within_seconds(light: LightClusters) -> None:
    told: list[Event] = []

    def start() -> float:
        """When it was ready."""
        provisioner = EphemeralProvisioner(light.config(limits=LIMITS))
        with provisioner.acquire(REQUEST, Recorder(told.append)):
            return time.monotonic()

    def is_refused() -> bool:
        return any("has no room for a pod of the head" in one.detail for one in told)

    # As many as the cluster: one that could never fit would be given up at once.
    for name in ("one", "another"):
        pods.create(light.cluster, pods.pod(light.cluster, light.namespace, name, SLEEPS))
    with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as full:
        full.enter_context(quota.filled(light.cluster, light.namespace))
        ready = pool.submit(start)
        until("quota that is told of", is_refused, timeout_s=30)
        time.sleep(IN_VAIN_S)
        full.close()
        freed_s = time.monotonic()
        assert ready.result() - freed_s < EVERY_S + STARTS_WITHIN_S
