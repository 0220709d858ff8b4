"""The RayCluster that these tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes import ray_clusters
from tests.kubernetes.obstacles import insist_on
from tests.kubernetes.ray_clusters import RayCluster
from tests.kubernetes.testbed import image
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node


# Of these tests alone: it takes half a core of the node, which other tests fill.
@pytest.fixture(scope="package")
def shared_ray_cluster(
    node: Node, cluster: Cluster, kuberay: operator.KubeRay
) -> Iterator[RayCluster]:
    """A RayCluster with a real Ray: a head and two workers, with token authentication."""
    insist_on(image.why_no_ray(Path(sys.prefix)))
    with cluster.namespace("shared-ray") as namespace:
        spec = ray_clusters.spec(cluster, workers=2, with_token=True)
        yield ray_clusters.create(cluster, namespace, "shared", spec)


@pytest.fixture
def ray_cluster(shared_ray_cluster: RayCluster) -> RayCluster:
    """The RayCluster, ready, whatever an earlier test has done to it."""
    shared_ray_cluster.wait_until_ready()
    return shared_ray_cluster
