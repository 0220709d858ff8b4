"""A real training on a real Ray in pods, on a cluster that exists for it alone."""

import time
from collections.abc import Iterator

import pytest

from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.training.record import TrainingRecord
from tests.kubernetes.light_clusters import STORAGE, LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node
from tests.support.gcs_double import in_this_process
from tests.support.trainings import request, trained_by

pytestmark = pytest.mark.kubernetes

EPOCHS = [0, 1, 2, 3]
GONE_WITHIN_S = 60
SPEC = ClusterSpec(
    provisioner="ephemeral",
    head=HeadGroup(memory="3Gi"),
    workers=WorkerGroup(count=2, memory="2Gi"),
)


@pytest.fixture(scope="module")
def clusters(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "ephemeral-ray") as clusters, in_this_process(STORAGE):
        yield clusters


def test_a_training_runs_on_a_cluster_of_its_own_and_nothing_is_left(
    clusters: LightClusters,
) -> None:
    provisioner = EphemeralProvisioner(clusters.real_ray())
    wanted = request(clusters.bucket, cluster=SPEC)
    lines: list[str] = []
    events: list[str] = []

    done = trained_by(
        wanted,
        provisioner,
        on_log=lines.append,
        on_event=lambda event: events.append(f"{event.name} {event.state} {event.detail}"),
    )

    assert [one.epoch for one in done.result.history] == EPOCHS, events
    record = TrainingRecord(wanted.folder_uri)
    assert [one.number for one in record.attempts()] == [1]
    assert lines
    deadline = time.monotonic() + GONE_WITHIN_S
    while left := clusters.left():
        assert time.monotonic() < deadline, left
        time.sleep(0.5)
