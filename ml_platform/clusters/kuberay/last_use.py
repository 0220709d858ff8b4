"""When a job ran last on an interactive cluster: asked of its head."""

from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.expiry import seconds_of
from ml_platform.clusters.kuberay.head_address import head_address
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.errors import ClusterError


def last_use(api: KubernetesApi, namespace: str, job: Object) -> float | None:
    """In seconds since 1970, infinite while one runs; None where that is not known.

    Before the first job it is when the cluster was begun. A head that does not answer, or may not
    be asked, says nothing of its use, so that nothing follows from it.
    """
    status = job.get("status") or {}
    ray_cluster, begun_s = status.get("rayClusterName"), seconds_of(str(status.get("startTime")))
    if not ray_cluster or begun_s is None or status.get("jobDeploymentStatus") != "Waiting":
        return None
    auth = job["spec"]["rayClusterSpec"].get("authOptions") or {}
    try:
        head = head_address(api, namespace, str(ray_cluster), auth=auth)
        with JobsApi(head) as jobs:
            last_s = jobs.last_used_s()
    except ClusterError:
        return None
    return begun_s if last_s is None else max(begun_s, last_s)
