"""The cap on clusters: an environment has only so many at once, whoever makes them."""

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.errors import ClusterStartError


def require_room(api: KubernetesApi, config: KubeRayConfig) -> None:
    """Refuse one more cluster where there are as many as there may be.

    Raises:
        ClusterStartError: there are; says since when the oldest is there.
        ApiRefusedError: the account may not list them.
        ApiAwayError: the API server stayed away.
    """
    ours = labels.selector(config.environment)
    there = api.list(jobs_path(config.namespace), labels=ours)
    if len(there) >= config.max_clusters:
        oldest = sorted(str(job["metadata"]["creationTimestamp"]) for job in there)[0]
        raise ClusterStartError(
            f"there are {len(there)} clusters of {config.environment} already, as many "
            f"as there may be; the oldest is of {oldest}",
            hint="`mlp cluster ls` shows them, `mlp cluster reap` removes those that nobody "
            "needs; or raise `max_clusters`.",
        )
