"""Wires caches and controllers together: which change makes which controller look again."""

from collections.abc import Callable
from typing import Final

from tests.support.kuberay import controller
from tests.support.kuberay.api import POD, RAY_CLUSTER, RAY_JOB, SECRET, SERVICE, Api, Object
from tests.support.kuberay.cluster_controller import ClusterController
from tests.support.kuberay.event_recorder import EventRecorder
from tests.support.kuberay.informer import Handler, Informer, wait_for_caches
from tests.support.kuberay.job_controller import JobController
from tests.support.kuberay.names import POD_SELECTOR
from tests.support.kuberay.settings import Settings
from tests.support.kuberay.work_queue import WorkQueue

CACHES_TIMEOUT_S: Final = 60.0


def start(api: Api, settings: Settings) -> None:
    """Start everything in threads of their own."""
    clusters, jobs = Informer(api, RAY_CLUSTER), Informer(api, RAY_JOB)
    pods, services = Informer(api, POD, POD_SELECTOR), Informer(api, SERVICE)
    secrets = Informer(api, SECRET)
    cluster_events = EventRecorder(api, "raycluster-controller")
    job_events = EventRecorder(api, "rayjob-controller")
    of_clusters = ClusterController(
        api,
        clusters=clusters,
        pods=pods,
        services=services,
        secrets=secrets,
        events=cluster_events,
        domain=settings.domain,
        resync_s=settings.resync_s,
    )
    of_jobs = JobController(
        api,
        jobs=jobs,
        clusters=clusters,
        services=services,
        secrets=secrets,
        events=job_events,
        domain=settings.domain,
        status_check_timeout_s=settings.status_check_timeout_s,
    )
    clusters.on_change(_itself(of_clusters.queue, only_if=_spec_changed))
    jobs.on_change(_itself(of_jobs.queue))
    for informer in (pods, services, secrets):
        informer.on_change(_owner(of_clusters.queue, RAY_CLUSTER.kind))
    for informer in (clusters, services):
        informer.on_change(_owner(of_jobs.queue, RAY_JOB.kind))
    informers = [clusters, jobs, pods, services, secrets]
    for informer in informers:
        informer.start()
    wait_for_caches(informers, CACHES_TIMEOUT_S)
    cluster_events.start()
    job_events.start()
    controller.start(of_clusters, "raycluster")
    controller.start(of_jobs, "rayjob")


def _itself(
    queue: WorkQueue, only_if: Callable[[Object | None, Object | None], bool] | None = None
) -> Handler:
    def handle(before: Object | None, after: Object | None) -> None:
        item = after or before
        if item and (only_if is None or only_if(before, after)):
            queue.add((item["metadata"]["namespace"], item["metadata"]["name"]))

    return handle


def _owner(queue: WorkQueue, kind: str) -> Handler:
    """The controlling owner, by name: a successor of the same name inherits the orphans."""

    def handle(before: Object | None, after: Object | None) -> None:
        for item in (before, after):
            meta = item["metadata"] if item else {}
            for reference in meta.get("ownerReferences") or []:
                if reference.get("controller") and reference["kind"] == kind:
                    queue.add((meta["namespace"], reference["name"]))

    return handle


def _spec_changed(before: Object | None, after: Object | None) -> bool:
    """Generation, labels or annotations: the operator's own status writes do not wake it."""
    if before is None or after is None:
        return True
    keys = ("generation", "labels", "annotations", "deletionTimestamp")
    return any(before["metadata"].get(key) != after["metadata"].get(key) for key in keys)
