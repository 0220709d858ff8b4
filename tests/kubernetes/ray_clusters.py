"""Real Ray clusters for tests: their manifests, and their heads spoken to over HTTP."""

import base64
import json
import shlex
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobDetails, JobsApi
from tests.kubernetes.faults.waiting import FaultError, until
from tests.kubernetes.testbed.cluster import Cluster, ClusterError

VERSION: Final = "2.60.0"
DASHBOARD_PORT: Final = 8265
READY_S: Final = 180.0
_JOB_S: Final = 120.0
_LAST_LINES: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class RayCluster:
    """A RayCluster that was created, its pods with a real Ray in them."""

    cluster: Cluster
    namespace: str
    name: str

    @property
    def resource(self) -> dict[str, Any]:
        """The RayCluster as the API server has it."""
        return self._get(f"raycluster/{self.name}")

    @property
    def head(self) -> dict[str, Any]:
        """The head's pod."""
        (only,) = self.pods("head")
        return only

    @property
    def token(self) -> str:
        """What its dashboard wants; empty without token authentication."""
        if "authOptions" not in self.resource["spec"]:
            return ""
        return base64.b64decode(self._get(f"secret/{self.name}")["data"]["auth_token"]).decode()

    @property
    def address(self) -> HeadAddress:
        """The head, for a client on this machine, which reaches pods by their address."""
        url = f"http://{self.head['status']['podIP']}:{DASHBOARD_PORT}"
        return HeadAddress(url=url, token=self.token)

    def pods(self, node_type: str) -> list[dict[str, Any]]:
        """Its pods that are not on their way out, by name.

        Args:
            node_type: `head` or `worker`.
        """
        selector = f"--selector=ray.io/cluster={self.name},ray.io/node-type={node_type}"
        items = self._get("pods", selector)["items"]
        staying = [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]
        return sorted(staying, key=name_of)

    def ask(self, path: str, *, token: str) -> tuple[int, str]:
        """GET from the dashboard; status and text."""
        return _get(self.address.url + path, token)

    def wait_until_ready(self, timeout_s: float = READY_S) -> None:
        """Wait until all of its pods are ready and Ray counts as many nodes.

        Raises:
            FaultError: they are not; with the pods, the warnings and the head's last words.
        """
        try:
            until("ready Ray cluster", self._is_ready, timeout_s=timeout_s)
        except FaultError as error:
            raise FaultError("\n".join([str(error), *self._symptoms()])) from error

    def run(self, submission_id: str, program: str) -> JobDetails:
        """Submit a Python program and wait for its end."""
        self.submit(submission_id, program)
        return self.ended(submission_id)

    def submit(self, submission_id: str, program: str, *arguments: str) -> None:
        """Submit a Python program with its arguments, without waiting."""
        with JobsApi(self.address) as jobs:
            command = shlex.join(["python", "-c", program, *arguments])
            jobs.submit(submission_id, command, env={}, metadata={})

    def ended(self, submission_id: str, *, poll_s: float = 0.1) -> JobDetails:
        """Wait for the end of a job, looking each `poll_s`."""
        with JobsApi(self.address) as jobs:
            return until(
                f"end of the job {submission_id}",
                lambda: _over(jobs.job(submission_id)),
                timeout_s=_JOB_S,
                poll_s=poll_s,
            )

    def log(self, submission_id: str) -> str:
        """What a job has written."""
        with JobsApi(self.address) as jobs:
            return jobs.logs(submission_id)

    def job(self, submission_id: str) -> JobDetails | None:
        """A job as the head knows it; None if it does not."""
        with JobsApi(self.address) as jobs:
            return jobs.job(submission_id)

    def _is_ready(self) -> bool:
        # `state: ready` and RayClusterProvisioned stay when a pod is lost, so the pods are asked.
        status = self.resource.get("status") or {}
        desired = status.get("desiredWorkerReplicas", 0)
        heads, workers = self.pods("head"), self.pods("worker")
        if len(heads) != 1 or len(workers) != desired or status.get("state") != "ready":
            return False
        return all(map(is_ready, heads + workers)) and self._alive_nodes() == 1 + desired

    def _alive_nodes(self) -> int:
        try:
            status, text = self.ask("/nodes?view=summary", token=self.token)
        except OSError:
            return 0
        if status != 200:
            return 0
        nodes = json.loads(text)["data"]["summary"]
        return sum(node["raylet"].get("state") == "ALIVE" for node in nodes)

    def _symptoms(self) -> list[str]:
        where = f"--namespace={self.namespace}"
        seen = []
        for look in (
            ("get", "pods", where),
            ("get", "events", where, "--field-selector=type=Warning"),
            ("logs", where, f"--selector=ray.io/cluster={self.name}", f"--tail={_LAST_LINES}"),
        ):
            try:
                seen.append(self.cluster.kubectl(*look))
            except ClusterError as error:
                seen.append(str(error))
        return seen

    def _get(self, *what: str) -> dict[str, Any]:
        return self.cluster.get(*what, f"--namespace={self.namespace}")


def spec(
    cluster: Cluster, *, workers: int, head_cpus: int = 0, with_token: bool = False, **pod: Any
) -> dict[str, Any]:
    """The spec of a RayCluster with one group of workers.

    Args:
        cluster: Whose image it runs.
        workers: How many, each with one CPU as Ray counts them.
        head_cpus: How many CPUs the head offers to tasks.
        with_token: Its dashboard and its nodes want a token.
        pod: More fields of every pod's spec.
    """
    group = {
        "groupName": "workers",
        "replicas": workers,
        "minReplicas": workers,
        "maxReplicas": workers,
        "rayStartParams": {"num-cpus": "1"},
        "template": _template(cluster, "ray-worker", "512Mi", "1Gi", pod),
    }
    return {
        "rayVersion": VERSION,
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": str(head_cpus)},
            "template": _template(cluster, "ray-head", "1Gi", "2Gi", pod),
        },
        "workerGroupSpecs": [group] if workers else [],
        **({"authOptions": {"mode": "token"}} if with_token else {}),
    }


def create(cluster: Cluster, namespace: str, name: str, spec: dict[str, Any]) -> RayCluster:
    """Create a RayCluster, without waiting."""
    metadata = {"name": name, "namespace": namespace}
    body = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": metadata, "spec": spec}
    cluster.kubectl("create", "--validate=strict", "--filename=-", stdin=json.dumps(body))
    return RayCluster(cluster=cluster, namespace=namespace, name=name)


def name_of(item: dict[str, Any]) -> str:
    """The name of an object."""
    return str(item["metadata"]["name"])


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod is ready."""
    conditions = pod["status"].get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _over(job: JobDetails | None) -> JobDetails | None:
    return job if job is not None and job.is_over else None


def _template(
    cluster: Cluster, container: str, request: str, limit: str, pod: dict[str, Any]
) -> dict[str, Any]:
    only = {
        "name": container,
        "image": cluster.image,
        "imagePullPolicy": "Never",
        # The kernel should be the one that kills, not Ray's own monitor.
        "env": [{"name": "RAY_memory_monitor_refresh_ms", "value": "0"}],
        "resources": {
            "requests": {"cpu": "100m", "memory": request},
            "limits": {"memory": limit},
        },
    }
    return {"spec": {"terminationGracePeriodSeconds": 5, "containers": [only], **pod}}


def _get(url: str, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
