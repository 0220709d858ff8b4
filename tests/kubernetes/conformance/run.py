"""One run of a scenario: its namespace, what is done in it, and what is observed there."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any, Final

from tests.kubernetes.conformance.manifests import CONFIG_MAP, Manifests, stand_in_config_map
from tests.kubernetes.conformance.recorder import Observation, Recorder
from tests.support.kuberay.api import (
    POD,
    RAY_CLUSTER,
    RAY_JOB,
    SECRET,
    SERVICE,
    Api,
    ApiError,
    Object,
    Resource,
)

NAMESPACE: Final = Resource("Namespace", "v1", "namespaces")
SERVICE_ACCOUNT: Final = Resource("ServiceAccount", "v1", "serviceaccounts")
QUOTA: Final = Resource("ResourceQuota", "v1", "resourcequotas")
KINDS: Final = {
    r.kind: r for r in (RAY_JOB, RAY_CLUSTER, POD, SERVICE, SECRET, SERVICE_ACCOUNT, QUOTA)
}
LEFT: Final = (RAY_JOB, RAY_CLUSTER, POD, SERVICE, SECRET, SERVICE_ACCOUNT)
SUBMIT_TRIES: Final = 8
LOG_LINES: Final = 12


class NotSeen(AssertionError):
    """What a scenario waited for did not come."""


class Run:
    """One namespace; every action goes into the timeline."""

    def __init__(self, api: Api, recorder: Recorder, manifests: Manifests, scenario: str) -> None:
        self.api = api
        self.manifests = manifests
        self.ray = manifests.ray
        self.scenario = scenario
        self.namespace = f"c-{scenario}"[:63]
        self.token: str | None = None
        self.observed: Observation = recorder.observe(scenario, self.namespace)

    # --- before and after

    def set_up(self) -> None:
        """An empty namespace with the stand-in in it."""
        self._remove_namespace()
        self.api.create(NAMESPACE, {"metadata": {"name": self.namespace}})
        self._poll(
            lambda: self.api.get(SERVICE_ACCOUNT, self.namespace, "default"), 30, "service account"
        )
        self.api.create(CONFIG_MAP, stand_in_config_map(self.namespace))
        self.observed.restart_clock()

    def finish(self) -> None:
        """Note what is there, delete it, note what is left, remove the namespace."""
        latest = self.observed.latest
        end = self.observed.draft.end
        pods = [f"{pod['metadata']['name']} {pod['status']['phase']}" for pod in self.pods()]
        end["before_delete"] = {
            **{f"{kind}/{name}": {} for kind in ("RayJob", "RayCluster") for name in latest[kind]},
            "pods": sorted(pods),
        }
        for kind in ("RayJob", "RayCluster"):
            for name in list(latest[kind]):
                self.delete(kind, name)
            # A RayJob that is not gone yet may make its RayCluster once more.
            self.wait_until_gone("RayJob")
        self.wait_until_gone()
        time.sleep(1.0)
        end["left_after_delete"] = self._left()

    def tear_down(self) -> None:
        """Remove the namespace, whatever became of the run."""
        for kind in ("RayJob", "RayCluster"):
            for name in list(self.observed.latest[kind]):
                self.delete(kind, name)
        try:
            self.api.delete(NAMESPACE, None, self.namespace)
        except ApiError as error:
            if error.status != 404:
                raise

    # --- doing

    def create(self, manifest: Object) -> int:
        """Create, with the server's strict validation; the HTTP code, also of a refusal."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        body = {**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}}
        told: Object = {"http": 201}
        try:
            self.api.create(KINDS[kind], body, strict=True)
        except ApiError as error:
            told = {"http": error.status, "message": error.message}
        self.observed.add("action", f"create {kind}/{name}", "ACTION", told)
        return int(told["http"])

    def patch(self, kind: str, name: str, body: Object) -> None:
        """A merge patch."""
        self.api.patch(KINDS[kind], self.namespace, name, body)
        told = {"patch": body, "http": 200}
        self.observed.add("action", f"patch {kind}/{name}", "ACTION", told)

    def delete(self, kind: str, name: str, options: Object | None = None) -> None:
        """Delete, if it is still there."""
        told = {"http": 200}
        try:
            self.api.delete(KINDS[kind], self.namespace, name, options)
        except ApiError as error:
            if error.status != 404:
                raise
            told = {"http": 404}
        self.observed.add("action", f"delete {kind}/{name}", "ACTION", told)

    def submit(self, job_id: str, entrypoint: str) -> None:
        """Submit to the newest head, through the API server's proxy."""
        body = {"submission_id": job_id, "entrypoint": entrypoint}
        for _ in range(SUBMIT_TRIES):
            code, text = self.dashboard("POST", "/api/jobs/", body)
            if code == 200:
                break
            time.sleep(0.5)
        else:
            raise NotSeen(f"{self.scenario}: submission answered {code} {text[:300]}")
        told = {"http": code, "entrypoint": entrypoint}
        self.observed.add("action", f"submit Ray job {job_id} to the dashboard", "ACTION", told)

    def dashboard(self, method: str, path: str, body: Object | None = None) -> tuple[int, str]:
        """Ask the newest head that is not on its way out."""
        headers = {"x-ray-authorization": f"Bearer {self.token}"} if self.token else None
        head = self.pods("head")[-1]["metadata"]["name"]
        proxy = POD.path(self.namespace, f"{head}:8265", "proxy")
        return self.api.text(method, proxy + path, body, headers)

    def pause(self, seconds: float) -> None:
        """Let time pass where the recording did."""
        time.sleep(seconds)

    # --- seeing

    def wait(self, what: str, seen: Callable[[], Any], timeout_s: float = 60.0) -> None:
        """Until something is seen in the timeline.

        Raises:
            NotSeen: with what there is instead.
        """
        timeout_s *= self.ray.patience
        if not self.observed.wait(seen, timeout_s):
            raise NotSeen(
                f"{self.scenario}: {what} did not come within {timeout_s:.0f} s; {self._summary()}"
            )

    def wait_until_gone(self, *kinds: str, timeout_s: float = 90.0) -> None:
        """Until none of these kinds is left; RayJobs, RayClusters and pods by default."""
        latest = self.observed.latest
        asked = kinds or ("RayJob", "RayCluster", "Pod")
        self.wait(
            f"the end of {', '.join(asked)}",
            lambda: not any(latest[kind] for kind in asked),
            timeout_s,
        )

    def pods(self, node_type: str = "") -> list[Object]:
        """Pods that are not on their way out come last."""
        found = [
            pod
            for pod in list(self.observed.latest["Pod"].values())
            if node_type in ("", (pod["metadata"].get("labels") or {}).get("ray.io/node-type"))
        ]
        return sorted(found, key=lambda pod: not pod["metadata"].get("deletionTimestamp"))

    def job(self, name: str = "rj1") -> Object:
        """Status of a RayJob."""
        return (self.observed.latest["RayJob"].get(name) or {}).get("status") or {}

    def cluster(self, name: str = "rc1") -> Object:
        """Status of a RayCluster."""
        return (self.observed.latest["RayCluster"].get(name) or {}).get("status") or {}

    def condition(self, kind: str, name: str = "rc1") -> str:
        """Status of a condition of a RayCluster; empty if there is none."""
        for condition in self.cluster(name).get("conditions") or []:
            if condition["type"] == kind:
                return str(condition["status"])
        return ""

    def wait_for_deployment(self, *states: str, timeout_s: float = 90.0) -> None:
        """Until the RayJob is in one of these states."""
        self.wait(
            f"jobDeploymentStatus {' or '.join(states)}",
            lambda: self.job().get("jobDeploymentStatus") in states,
            timeout_s,
        )

    def wait_for_job(self, *states: str, timeout_s: float = 60.0) -> None:
        """Until the Ray job is in one of these states, as the RayJob tells it."""
        self.wait(
            f"jobStatus {' or '.join(states)}",
            lambda: self.job().get("jobStatus") in states,
            timeout_s,
        )

    def wait_until_provisioned(self, name: str = "rc1") -> None:
        """Until all pods of a RayCluster have been ready once."""
        self.wait(
            f"{name} provisioned",
            lambda: self.condition("RayClusterProvisioned", name) == "True",
            90.0,
        )

    def secret_token(self) -> str:
        """The token that the operator made."""
        (secret,) = self.observed.latest["Secret"].values()
        return base64.b64decode(secret["data"]["auth_token"]).decode()

    # --- helpers

    def _left(self) -> Object:
        left: Object = {}
        for resource in LEFT:
            items, _ = self.api.list(resource, self.namespace)
            names = [item["metadata"]["name"] for item in items]
            if resource is SERVICE_ACCOUNT:
                names.remove("default")
            if names:
                left[resource.kind] = names
        return left

    def _remove_namespace(self) -> None:
        """One of an earlier run that was broken off."""
        try:
            self.api.delete(NAMESPACE, None, self.namespace)
        except ApiError as error:
            if error.status != 404:
                raise
            return
        self._poll(lambda: not self._namespace_there(), 90, "end of the old namespace")

    def _namespace_there(self) -> bool:
        code, _ = self.api.text("GET", NAMESPACE.path(None, self.namespace))
        return code != 404

    def _poll(self, done: Callable[[], Any], timeout_s: float, what: str) -> None:
        end = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > end:
                raise NotSeen(f"{self.scenario}: no {what} within {timeout_s:.0f} s")
            time.sleep(0.1)

    def _summary(self) -> str:
        jobs = {name: job.get("status") for name, job in self.observed.latest["RayJob"].items()}
        clusters = {n: c.get("status") for n, c in self.observed.latest["RayCluster"].items()}
        pods = {pod["metadata"]["name"]: pod.get("status", {}).get("phase") for pod in self.pods()}
        seen = json.dumps({"RayJobs": jobs, "RayClusters": clusters, "pods": pods})[:3000]
        return "\n".join([seen, *(self._log(name) for name in pods)])

    def _log(self, pod: str) -> str:
        """The end of what the Ray container has written."""
        path = POD.path(self.namespace, pod, "log")
        _, text = self.api.text("GET", f"{path}?tailLines={LOG_LINES}")
        return f"--- {pod}\n{text.rstrip()}"
