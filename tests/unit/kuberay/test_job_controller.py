"""Passes over a RayJob against an API server."""

import pytest

from tests.support.kuberay.api import RAY_CLUSTER, RAY_JOB, SECRET, SERVICE, Object
from tests.support.kuberay.controller import PassFailed
from tests.support.kuberay.dashboard import Dashboard
from tests.support.kuberay.event_recorder import EventRecorder
from tests.support.kuberay.informer import Informer
from tests.support.kuberay.job_controller import AGAIN_S, JobController, cluster_of
from tests.support.kuberay.job_steps import JobInfo
from tests.support.kuberay.names import FINALIZER
from tests.support.kuberay.services import job_head_service
from tests.unit.kuberay.api_server import ApiServer
from tests.unit.kuberay.things import cluster, job

KEY = ("ns", "rj1")
CLUSTER = "rj1-abcde"
STATUS = {
    "jobDeploymentStatus": "Running",
    "rayClusterName": CLUSTER,
    "dashboardURL": "head:8265",
    "jobId": "mine",
    "startTime": "2026-01-01T00:00:00Z",
}


class RunningJob(Dashboard):
    """A head that answers that the job runs."""

    def job(self, job_id: str) -> JobInfo:
        return JobInfo(status="RUNNING", message="", start_ms=0, end_ms=0)


def service_of_another(**spec: object) -> Object:
    """A service that somebody else has made under the name that the RayJob's will have."""
    meta = {
        "name": "rj1-head-svc",
        "namespace": "ns",
        "uid": "foreign",
        "resourceVersion": "7",
        "labels": {"theirs": "yes"},
    }
    spec = {"clusterIP": "10.0.0.9", "ports": [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def reconcile(
    server: ApiServer,
    service: Object | None = None,
    *,
    of: Object | None = None,
    on: Object | None = None,
) -> float | None:
    """One pass over a RayJob that runs.

    Args:
        server: What it writes to.
        service: What there is under its name.
        of: The RayJob.
        on: Its RayCluster.
    """
    jobs, clusters = Informer(server.api, RAY_JOB), Informer(server.api, RAY_CLUSTER)
    services = Informer(server.api, SERVICE)
    jobs.wrote({**(of or job()), "status": STATUS})
    clusters.wrote(on or cluster(CLUSTER))
    services.wrote(service or service_of_another(selector={"ray.io/cluster": CLUSTER}))
    controller = JobController(
        server.api,
        jobs=jobs,
        clusters=clusters,
        services=services,
        secrets=Informer(server.api, SECRET),
        events=EventRecorder(server.api, "rayjob-controller"),
        domain="cluster.local",
        status_check_timeout_s=300,
        dashboard=RunningJob,
    )
    return controller.reconcile(KEY)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"selector": None},
        {"selector": {"app": "web"}},
        {"selector": {"ray.io/cluster": "another", "app": "web"}},
    ],
)
def test_a_service_that_leads_elsewhere_is_taken_over(
    server: ApiServer, spec: dict[str, object]
) -> None:
    assert reconcile(server, service_of_another(**spec)) == AGAIN_S
    (written,) = server.written("PUT", "/services/rj1-head-svc")
    wanted = job_head_service(job(), cluster(CLUSTER))["spec"]
    assert written["spec"] == {**wanted, "clusterIP": "10.0.0.9"}
    assert written["metadata"]["labels"] == {"theirs": "yes"}
    (status,) = server.written("PUT", "/rayjobs/rj1/status")
    assert status["status"]["jobStatus"] == "RUNNING"


def test_a_service_that_leads_to_the_cluster_is_left_alone(server: ApiServer) -> None:
    reconcile(server, service_of_another(selector={"ray.io/cluster": CLUSTER, "app": "web"}))
    assert server.written("PUT", "/services/") == []


def test_a_job_that_another_controller_manages_is_left_alone(server: ApiServer) -> None:
    of = job(managedBy="kueue.x-k8s.io/multikueue")
    assert reconcile(server, of=of) is None
    assert server.writes == []


@pytest.mark.parametrize("deleted", [{}, {"deletionTimestamp": "2026-01-01T00:01:00Z"}])
def test_without_the_secret_of_its_token_a_job_hangs_and_no_timer_runs(
    server: ApiServer, deleted: dict[str, str]
) -> None:
    of = job()
    of["metadata"] |= {"finalizers": [FINALIZER], **deleted}
    with pytest.raises(PassFailed, match="no secret"):
        reconcile(server, of=of, on=cluster(CLUSTER, authOptions={"mode": "token"}))
    assert server.writes == []


def test_a_cluster_has_the_labels_and_annotations_of_its_job() -> None:
    of = job()
    of["metadata"] |= {"labels": {"team": "a"}, "annotations": {"why": "b"}}
    meta = cluster_of(of, CLUSTER)["metadata"]
    assert meta["labels"] == {
        "team": "a",
        "ray.io/originated-from-cr-name": "rj1",
        "ray.io/originated-from-crd": "RayJob",
        "ray.io/job-submission-mode": "InteractiveMode",
    }
    assert meta["annotations"] == {"why": "b"}
