"""A cluster in a queue of Kueue waits with Kueue's own reason, and starts when it is admitted.

API server, operator, pods and the step are real. What Kueue does to a RayJob is done here by hand:
it makes a Workload that the RayJob owns, says in its conditions why it waits, and resumes the job.
"""

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ml_platform.clusters.interface import ClusterRequest, ClusterView
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.xray.records import Recorder
from tests.kubernetes.accounts import asked_for
from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster, ClusterError
from tests.kubernetes.testbed.node import Node

pytestmark = pytest.mark.kubernetes

DEFINITION = Path(operator.__file__).parent / "crds" / "kueue" / "workloads.yaml"
API = "kueue.x-k8s.io/v1beta2"
NAME = "queued"
QUEUE = "team"
NO_ROOM = (
    "couldn't assign flavors to pod set head: insufficient unused quota for cpu, 1 more needed"
)
WITHIN_S = 30.0
SPEC = ClusterSpec(
    provisioner="ephemeral",
    queue=QUEUE,
    head=HeadGroup(memory="256Mi"),
    workers=WorkerGroup(memory="256Mi"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kueue:
    """What Kueue does to the RayJob of one cluster."""

    light: LightClusters
    name: str

    @property
    def _where(self) -> str:
        return f"--namespace={self.light.namespace}"

    def take_up(self) -> None:
        """Make the Workload of the RayJob, once that is there."""
        job = until("RayJob", self._job, timeout_s=WITHIN_S)
        owner = {"apiVersion": "ray.io/v1", "kind": "RayJob", "controller": True}
        workload = {
            "apiVersion": API,
            "kind": "Workload",
            "metadata": {
                "name": self.name,
                "namespace": self.light.namespace,
                "ownerReferences": [owner | {"name": self.name, "uid": job["metadata"]["uid"]}],
            },
            "spec": {"queueName": QUEUE},
        }
        self.light.cluster.kubectl("create", "--filename=-", stdin=json.dumps(workload))

    def say(self, *conditions: dict[str, str]) -> None:
        """Set the conditions of the Workload."""
        status = {"status": {"conditions": list(conditions)}}
        patch = ("--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
        self.light.cluster.kubectl("patch", "workload", self.name, self._where, *patch)

    def resume(self) -> None:
        """Take away what keeps the job suspended."""
        patch = ("--type=merge", '--patch={"spec": {"suspend": false}}')
        self.light.cluster.kubectl("patch", "rayjob", self.name, self._where, *patch)

    def _job(self) -> dict[str, Any] | None:
        found = self.light.cluster.get("rayjobs", self._where)["items"]
        return next((one for one in found if one["metadata"]["name"] == self.name), None)


@pytest.fixture(scope="module")
def workloads(node: Node, cluster: Cluster) -> Iterator[None]:
    """Kueue's kind of objects is there."""
    cluster.kubectl("apply", "--server-side", f"--filename={DEFINITION}")

    def are_served() -> bool:
        try:
            cluster.kubectl("get", "--raw=/apis/kueue.x-k8s.io")
            cluster.kubectl("get", f"--raw=/apis/{API}/workloads")
        except ClusterError:
            return False
        return True

    try:
        until("Workloads of Kueue", are_served, timeout_s=WITHIN_S)
        yield
    finally:
        cluster.kubectl("delete", "--wait=false", f"--filename={DEFINITION}")


@pytest.fixture
def light(workloads: None, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "queue") as light:
        yield light


@pytest.fixture
def proxy(light: LightClusters) -> Iterator[ApiProxy]:
    """The API server, for who has the roles of `deploy/rbac.yaml`, with what it was asked."""
    with in_front_of(light.outside) as proxy:
        yield proxy


def test_a_queued_cluster_waits_with_kueues_reason_and_starts_when_it_is_admitted(
    light: LightClusters, proxy: ApiProxy
) -> None:
    provisioner = EphemeralProvisioner(light.config(kubeconfig=str(proxy.cluster.kubeconfig)))
    request = ClusterRequest(name=NAME, spec=SPEC, holder="a test")
    kueue = Kueue(light=light, name=request.name)
    told: list[str] = []

    def start() -> str:
        with provisioner.acquire(
            request, Recorder(lambda event: told.append(event.detail))
        ) as cluster:
            return provisioner.look(cluster.name).phase

    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(start)
        try:
            kueue.take_up()
            kueue.say(condition("QuotaReserved", "False", "Pending", NO_ROOM))
            until("its reason", lambda: any(NO_ROOM in one for one in told), timeout_s=WITHIN_S)
            shown = until("queued cluster", lambda: queued(provisioner), timeout_s=WITHIN_S)
            kueue.say(
                condition("QuotaReserved", "True", "QuotaReserved", "Quota reserved in all"),
                condition("Admitted", "True", "Admitted", "The workload is admitted"),
            )
        finally:
            with contextlib.suppress(ClusterError):  # it is gone: its own error is the news
                kueue.resume()
        assert started.result(timeout=2 * WITHIN_S) == "ready", told

    assert f"queued: It waits in queue {QUEUE}: Pending: {NO_ROOM}" in told
    assert NO_ROOM in shown.reason
    of_kueue = {(verb, "kueue.x-k8s.io", "workloads", "") for verb in ("list", "watch")}
    assert of_kueue <= asked_for(proxy.seen)


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-02T12:00:00Z",
    }


def queued(provisioner: EphemeralProvisioner) -> ClusterView | None:
    """The cluster as who looks at it sees it, if it waits in a queue."""
    view = provisioner.look(NAME)
    return view if view.phase == "queued" else None
