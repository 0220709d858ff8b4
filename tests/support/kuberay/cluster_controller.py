"""Acts for RayClusters: what `pod_plan` and `cluster_status` decide happens here."""

import base64
import os
import time
from collections.abc import Callable
from typing import Final

from tests.support.kuberay import names
from tests.support.kuberay.api import POD, RAY_CLUSTER, SECRET, SERVICE, Api, ApiError, Object
from tests.support.kuberay.clock import stamp
from tests.support.kuberay.cluster_status import Trouble, cluster_status, worth_writing
from tests.support.kuberay.cluster_validation import INVALID_STATUS, validate_cluster
from tests.support.kuberay.controller import PassFailed
from tests.support.kuberay.event_recorder import NORMAL, WARNING, EventRecorder
from tests.support.kuberay.expectations import Expectations
from tests.support.kuberay.informer import Informer
from tests.support.kuberay.pod_plan import CreateHead, CreateWorker, Delete, DeleteAll, plan_pods
from tests.support.kuberay.pods import head_pod, worker_pod
from tests.support.kuberay.services import cluster_head_service
from tests.support.kuberay.spec import externally_managed, groups, needs_secret
from tests.support.kuberay.work_queue import Key, WorkQueue

AFTER_STATUS_CHANGE_S: Final = 2.0
TOKEN_BYTES: Final = 32


class _Failed(Exception):
    """An action failed; how the ReplicaFailure condition tells it."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


class ClusterController:
    """One pass: secret, head service, pods, and then the status even if one of them failed."""

    def __init__(
        self,
        api: Api,
        *,
        clusters: Informer,
        pods: Informer,
        services: Informer,
        secrets: Informer,
        events: EventRecorder,
        domain: str,
        resync_s: float,
    ) -> None:
        self.queue = WorkQueue()
        self._api = api
        self._clusters = clusters
        self._pods = pods
        self._services = services
        self._secrets = secrets
        self._events = events
        self._domain = domain
        self._resync_s = resync_s
        self._expectations = Expectations()

    def reconcile(self, key: Key) -> float | None:
        """See `controller.Controller`."""
        cluster = self._clusters.get(*key)
        if cluster is None:
            self._expectations.forget(key)
            return None
        if externally_managed(cluster["spec"]):
            return None
        if wrong := validate_cluster(cluster):
            self._events.emit(cluster, WARNING, wrong.reason, "Validate", wrong.message)
            if wrong.reason == INVALID_STATUS:
                raise PassFailed(wrong.message)
            return None
        if cluster["metadata"].get("deletionTimestamp"):
            return None
        trouble = self._act(cluster, key)
        changed = self._write_status(cluster, trouble)
        if trouble is not None:
            raise PassFailed(trouble.message)
        return AFTER_STATUS_CHANGE_S if changed else self._resync_s

    def _act(self, cluster: Object, key: Key) -> Trouble | None:
        try:
            self._ensure_secret(cluster)
            self._ensure_head_service(cluster)
            self._carry_out(cluster, key)
        except _Failed as failed:
            return failed.trouble
        except ApiError as error:
            return Trouble(reason="", message=error.message)
        return None

    def _write_status(self, cluster: Object, trouble: Trouble | None) -> bool:
        meta = cluster["metadata"]
        service = self._head_service(cluster)
        if service is None:
            # Nothing can be said of a cluster whose head service is not visible yet.
            raise PassFailed(trouble.message if trouble else "the head service is not visible yet")
        status = cluster_status(
            cluster,
            self._pods.select(meta["namespace"], {names.CLUSTER: meta["name"]}),
            service,
            trouble,
            stamp(time.time()),
        )
        if not worth_writing(cluster.get("status"), status):
            return False
        new = {**cluster, "status": status}
        self._clusters.wrote(self._api.replace(RAY_CLUSTER, new, "status"))
        return True

    def _ensure_secret(self, cluster: Object) -> None:
        meta = cluster["metadata"]
        name = names.clip_name(meta["name"])
        if not needs_secret(cluster["spec"]) or self._secrets.get(meta["namespace"], name):
            return
        token = base64.b64encode(os.urandom(TOKEN_BYTES)).decode()
        secret = {
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": {names.CLUSTER: meta["name"]},
                "ownerReferences": names.owned_by(cluster, RAY_CLUSTER),
            },
            "stringData": {names.TOKEN_KEY: token},
        }
        self._secrets.wrote(self._api.create(SECRET, secret))

    def _ensure_head_service(self, cluster: Object) -> None:
        if self._head_service(cluster):
            return
        service = cluster_head_service(cluster)
        full_name = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
        self._events.attempt(
            cluster,
            "Create",
            "Service",
            lambda: self._services.wrote(self._api.create(SERVICE, service)),
            done=lambda _: f"Created service {full_name}",
            failed=f"Could not create service {full_name}: ",
        )

    def _head_service(self, cluster: Object) -> Object | None:
        meta = cluster["metadata"]
        labels = {names.CLUSTER: meta["name"], names.NODE_TYPE: "head"}
        labels[names.IDENTIFIER] = names.clip_label(f"{meta['name']}-head")
        found = self._services.select(meta["namespace"], labels)
        return found[0] if found else None

    def _carry_out(self, cluster: Object, key: Key) -> None:
        unsettled = self._expectations.unsettled(
            key, lambda pod: self._pods.get(key[0], pod) is not None
        )
        pods = self._pods.select(key[0], {names.CLUSTER: key[1]})
        plan = plan_pods(cluster, pods, unsettled)
        for step in plan.steps:
            match step:
                case DeleteAll():
                    self._delete_all(cluster, pods)
                case Delete():
                    self._delete(cluster, key, step)
                case CreateHead():
                    self._create_head(cluster, key)
                case CreateWorker():
                    self._create_worker(cluster, key, step)
        if plan.failure:
            raise _Failed(Trouble(reason="", message=plan.failure))

    def _delete_all(self, cluster: Object, pods: list[Object]) -> None:
        meta = cluster["metadata"]
        full_name = f"{meta['namespace']}/{meta['name']}"
        for pod in pods:
            if pod["metadata"].get("deletionTimestamp"):
                continue
            try:
                self._delete_pod(meta["namespace"], pod["metadata"]["name"])
            except ApiError as error:
                note = f"Could not delete all Pods of RayCluster {full_name}: {error}"
                self._events.emit(cluster, WARNING, "FailedToDeletePodCollection", "Delete", note)
                raise _replica_failure("FailedDeleteAllPods", error) from error
        note = f"Deleted Pods for RayCluster {full_name} due to suspension"
        self._events.emit(cluster, NORMAL, "DeletedPod", "Delete", note)

    def _delete(self, cluster: Object, key: Key, step: Delete) -> None:
        kind = "Head" if step.group == names.HEAD_GROUP else "Worker"
        what = f"{kind.lower()} Pod" if step.note else "Pod"
        pod = f"{what} {key[0]}/{step.name}{step.note}"
        self._attempt(
            cluster,
            "Delete",
            f"{kind}Pod",
            lambda: self._delete_pod(key[0], step.name),
            done=lambda _: f"Deleted {pod}",
            failed=f"Could not delete {pod}: ",
        )
        self._expectations.expect(key, step.group, step.name, created=False)

    def _create_head(self, cluster: Object, key: Key) -> None:
        pod = self._attempt(
            cluster,
            "Create",
            "HeadPod",
            lambda: self._pods.wrote(self._api.create(POD, head_pod(cluster))),
            done=lambda pod: f"Created head Pod {key[0]}/{pod['metadata']['name']}",
            # The name is not drawn yet when the API server refuses: the operator prints none.
            failed=f"Failed to create head Pod {key[0]}/, ",
        )
        self._expectations.expect(key, names.HEAD_GROUP, pod["metadata"]["name"], created=True)

    def _create_worker(self, cluster: Object, key: Key, step: CreateWorker) -> None:
        group = next(g for g in groups(cluster) if g["groupName"] == step.group)
        wanted = worker_pod(cluster, group, step.index, self._domain)
        pod = self._attempt(
            cluster,
            "Create",
            "WorkerPod",
            lambda: self._pods.wrote(self._api.create(POD, wanted)),
            done=lambda pod: f"Created worker Pod {key[0]}/{pod['metadata']['name']}",
            failed=f"Failed to create worker Pod for the cluster {'/'.join(key)}, ",
        )
        self._expectations.expect(key, step.group, pod["metadata"]["name"], created=True)

    def _attempt(
        self,
        cluster: Object,
        action: str,
        what: str,
        act: Callable[[], Object | None],
        *,
        done: Callable[[Object], str],
        failed: str,
    ) -> Object:
        """With an Event, and with the condition ReplicaFailure if it fails."""
        try:
            return self._events.attempt(cluster, action, what, act, done=done, failed=failed)
        except ApiError as error:
            raise _replica_failure(f"Failed{action}{what}", error) from error

    def _delete_pod(self, namespace: str, name: str) -> None:
        try:
            self._api.delete(POD, namespace, name)
        except ApiError as error:
            if error.status != 404:
                raise


def _replica_failure(reason: str, error: ApiError) -> _Failed:
    return _Failed(Trouble(reason=reason, message=f"{reason}\n{error.message}"))
