"""The cap on clusters: an environment has only so many at once, whoever makes them."""

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.views import is_over
from ml_platform.errors import ClusterStartError


def require_room(api: KubernetesApi, config: KubeRayConfig) -> None:
    """Refuse one more cluster where there are as many as there may be.

    Raises:
        ClusterStartError: there are; names the oldest.
        ApiRefusedError: the account may not list them.
        ApiAwayError: the API server stayed away.
    """
    ours = labels.selector(config.environment)
    # KubeRay removes the pods of a RayJob that is over, and leaves the RayJob itself.
    there = [job for job in api.list(jobs_path(config.namespace), labels=ours) if not is_over(job)]
    if len(there) >= config.max_clusters:
        oldest = min(there, key=lambda job: str(job["metadata"]["creationTimestamp"]))["metadata"]
        raise ClusterStartError(
            f"{config.environment} has as many clusters as it may have, {len(there)} that are not "
            f"over; the oldest is {oldest['name']}, of {oldest['creationTimestamp']}",
            hint="`mlp cluster ls` shows them, `mlp cluster reap` those that nobody needs; or "
            "raise `max_clusters` of the clusters' configuration.",
        )
