"""Acts for RayJobs in InteractiveMode: the states are those of `job_steps`."""

import base64
import contextlib
import time
from collections.abc import Callable
from typing import Final

from tests.support.kuberay import job_steps, names
from tests.support.kuberay.api import RAY_CLUSTER, RAY_JOB, SERVICE, Api, Object
from tests.support.kuberay.controller import PassFailed
from tests.support.kuberay.dashboard import Dashboard, DashboardError
from tests.support.kuberay.event_recorder import WARNING, EventRecorder
from tests.support.kuberay.informer import Informer
from tests.support.kuberay.job_validation import validate_job
from tests.support.kuberay.services import dashboard_address, job_head_service, selected_cluster
from tests.support.kuberay.spec import externally_managed, wants_token
from tests.support.kuberay.work_queue import Key, WorkQueue

AGAIN_S: Final = 3.0
CLEANUP_BUFFER_S: Final = 2.0


class JobController:
    """One pass: validate, do what the state asks for, write the status if it has changed."""

    def __init__(
        self,
        api: Api,
        *,
        jobs: Informer,
        clusters: Informer,
        services: Informer,
        secrets: Informer,
        events: EventRecorder,
        domain: str,
        status_check_timeout_s: int,
        dashboard: Callable[[str, str | None], Dashboard] = Dashboard,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.queue = WorkQueue()
        self._api = api
        self._jobs = jobs
        self._clusters = clusters
        self._services = services
        self._secrets = secrets
        self._events = events
        self._domain = domain
        self._status_check_timeout_s = status_check_timeout_s
        self._dashboard = dashboard
        self._clock = clock

    def reconcile(self, key: Key) -> float | None:
        """See `controller.Controller`."""
        job = self._jobs.get(*key)
        if job is None or externally_managed(job["spec"]):
            return None
        if job["metadata"].get("deletionTimestamp"):
            self._let_go(job)
            return AGAIN_S
        status: Object = job.get("status") or {}
        if wrong := validate_job(job):
            self._events.emit(
                job, WARNING, wrong.reason, "Validate", f"{'/'.join(key)}: {wrong.message}"
            )
            self._write(job, status, job_steps.invalid(status, wrong), counted=False)
            return None
        match status.get("jobDeploymentStatus", ""):
            case "":
                job = self._with_finalizer(job)
                new: Object | None = job_steps.initializing(status, key[1], self._clock())
            case "Initializing":
                new = self._initializing(job, status)
            case "Waiting":
                new = self._waiting(job, status)
            case "Running":
                new = self._running(job, status)
            case "Suspending":
                new = job_steps.wiped(status) if self._delete_cluster(job, status) else None
            case "Suspended":
                if job["spec"].get("suspend"):
                    return None
                new = job_steps.resumed(status)
            case "Complete" | "Failed":
                return self._clean_up(job, status)
            case _:
                return AGAIN_S
        if new is not None:
            self._write(job, status, new)
        return AGAIN_S

    def _initializing(self, job: Object, status: Object) -> Object | None:
        spec, now = job["spec"], self._clock()
        ended = (
            job_steps.suspending(status, spec)
            or job_steps.past_active_deadline(status, spec, now)
            or job_steps.past_pre_running_deadline(status, spec, now)
        )
        if ended:
            return ended
        cluster = self._ensure_cluster(job, status)
        cluster_status = cluster.get("status") or {}
        if cluster_status.get("state") != "ready":
            return status | {"rayClusterStatus": cluster_status}
        namespace = job["metadata"]["namespace"]
        service = self._services.get(namespace, names.head_service(status["rayClusterName"]))
        address = dashboard_address(service, self._domain) if service else None
        if address is None:
            raise PassFailed("the head service has no port called dashboard")
        return job_steps.waiting(status, address)

    def _waiting(self, job: Object, status: Object) -> Object | None:
        spec = job["spec"]
        late = job_steps.past_pre_running_deadline(status, spec, self._clock())
        if late:
            return late
        return job_steps.running(status, spec["jobId"]) if spec.get("jobId") else None

    def _running(self, job: Object, status: Object) -> Object | None:
        spec, now = job["spec"], self._clock()
        ended = (
            job_steps.suspending(status, spec)
            or job_steps.past_active_deadline(status, spec, now)
            or job_steps.past_status_checks(status, self._status_check_timeout_s, now)
        )
        if ended:
            return ended
        cluster = self._ensure_cluster(job, status)
        self._ensure_service(job, cluster)
        dashboard = self._dashboard(status["dashboardURL"], self._token(cluster))
        try:
            info = dashboard.job(status["jobId"])
        except DashboardError:
            return job_steps.check_failed(status, self._clock())
        # Unknown to the head: whoever submitted it may do so again, the operator does not.
        return None if info is None else job_steps.polled(status, cluster, info)

    def _clean_up(self, job: Object, status: Object) -> float | None:
        if not job["spec"].get("shutdownAfterJobFinishes"):
            return None
        wait_s = job_steps.seconds_until_cleanup(status, job["spec"], self._clock())
        if wait_s > 0:
            return wait_s + CLEANUP_BUFFER_S
        self._delete_cluster(job, status)
        return None

    def _let_go(self, job: Object) -> None:
        """Stop the Ray job once, whatever comes of it, then let the RayJob be deleted."""
        meta, status = job["metadata"], job.get("status") or {}
        if status.get("jobStatus", "") not in job_steps.TERMINAL_JOB:
            cluster = self._clusters.get(meta["namespace"], status.get("rayClusterName", ""))
            token = self._token(cluster) if cluster else None
            with contextlib.suppress(DashboardError):
                self._dashboard(status.get("dashboardURL", ""), token).stop(status.get("jobId", ""))
        if names.FINALIZER in (meta.get("finalizers") or []):
            self._set_finalizers(job, [f for f in meta["finalizers"] if f != names.FINALIZER])

    def _with_finalizer(self, job: Object) -> Object:
        finalizers = job["metadata"].get("finalizers") or []
        if names.FINALIZER in finalizers:
            return job
        return self._set_finalizers(job, [*finalizers, names.FINALIZER])

    def _set_finalizers(self, job: Object, finalizers: list[str]) -> Object:
        meta = job["metadata"]
        change = {"finalizers": finalizers, "resourceVersion": meta["resourceVersion"]}
        return self._api.patch(RAY_JOB, meta["namespace"], meta["name"], {"metadata": change})

    def _ensure_cluster(self, job: Object, status: Object) -> Object:
        meta, name = job["metadata"], status["rayClusterName"]
        found = self._clusters.get(meta["namespace"], name)
        if found:
            return found
        full_name = f"{meta['namespace']}/{name}"
        return self._events.attempt(
            job,
            "Create",
            "RayCluster",
            lambda: self._clusters.wrote(self._api.create(RAY_CLUSTER, cluster_of(job, name))),
            done=lambda _: f"Created RayCluster {full_name}",
            failed=f"Failed to create RayCluster {full_name}: ",
        )

    def _delete_cluster(self, job: Object, status: Object) -> bool:
        """Ask for the cluster's deletion; whether the object is gone (its pods may not be)."""
        namespace, name = job["metadata"]["namespace"], status.get("rayClusterName", "")
        cluster = self._clusters.get(namespace, name)
        if cluster is None:
            return True
        if cluster["metadata"].get("deletionTimestamp"):
            return False
        self._events.attempt(
            job,
            "Delete",
            "RayCluster",
            lambda: self._api.delete(RAY_CLUSTER, namespace, name),
            done=lambda _: f"Deleted cluster {namespace}/{name}",
            failed=f"Could not delete cluster {namespace}/{name}: ",
        )
        return False

    def _ensure_service(self, job: Object, cluster: Object) -> None:
        """Of the RayJob's own name: one that leads elsewhere is taken over, whoever made it."""
        service = job_head_service(job, cluster)
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        found = self._services.get(namespace, name)
        if found is None:
            action, act = "Create", lambda: self._api.create(SERVICE, service)
        elif selected_cluster(found) != selected_cluster(service):
            # The address is all that stays of a spec: it cannot be changed.
            spec = {**service["spec"], "clusterIP": found["spec"].get("clusterIP", "")}
            action, act = "Update", lambda: self._api.replace(SERVICE, {**found, "spec": spec})
        else:
            return
        self._events.attempt(
            job,
            action,
            "Service",
            lambda: self._services.wrote(act()),
            done=lambda _: f"{action}d the service {namespace}/{name}",
            failed=f"Could not {action.lower()} the service {namespace}/{name}: ",
        )

    def _token(self, cluster: Object) -> str | None:
        if not wants_token(cluster["spec"]):
            return None
        meta = cluster["metadata"]
        given = cluster["spec"]["authOptions"].get("secretName")
        secret = self._secrets.get(meta["namespace"], given or names.clip_name(meta["name"]))
        if secret is None:
            # Without a timer: a RayJob whose secret is gone hangs, also in its deletion.
            raise PassFailed("there is no secret with the token")
        return base64.b64decode(secret["data"][names.TOKEN_KEY]).decode()

    def _write(self, job: Object, old: Object, new: Object, *, counted: bool = True) -> None:
        if counted:
            new = job_steps.counted(new)
        if job_steps.worth_writing(old, new):
            status = job_steps.written(new, self._clock())
            self._jobs.wrote(self._api.replace(RAY_JOB, {**job, "status": status}, "status"))


def cluster_of(job: Object, name: str) -> Object:
    """The RayCluster that a RayJob gets."""
    meta = job["metadata"]
    return {
        "apiVersion": RAY_CLUSTER.api_version,
        "kind": RAY_CLUSTER.kind,
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": {
                **(meta.get("labels") or {}),
                names.ORIGIN_NAME: meta["name"],
                names.ORIGIN_KIND: "RayJob",
                names.SUBMISSION_MODE: job["spec"]["submissionMode"],
            },
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": names.owned_by(job, RAY_JOB),
        },
        "spec": job["spec"]["rayClusterSpec"],
    }
