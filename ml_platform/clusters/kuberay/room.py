"""The cap on clusters: an environment has only so many at once, whoever makes them."""

from collections.abc import Sequence

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.seen import Object, uid_of
from ml_platform.clusters.kuberay.views import is_over
from ml_platform.errors import ClusterStartError


def require_room(api: KubernetesApi, config: KubeRayConfig) -> None:
    """Refuse one more cluster where there are as many as there may be.

    Raises:
        ClusterStartError: there are; names the oldest.
        ApiRefusedError: the account may not list them.
        ApiAwayError: the API server stayed away.
    """
    _require_fewer(_by_age(api, config), config)


def require_place(api: KubernetesApi, config: KubeRayConfig, job: Object) -> None:
    """Refuse a cluster that was just made, if there were as many as there may be before it.

    Two who look and then make one do not see each other's. Times of Kubernetes are whole seconds:
    of those that were made within one, the last may have looked before it was one too many, so that
    it stays. Raises as `require_room`.
    """
    there = _by_age(api, config)
    uids = [uid_of(one) for one in there]
    if uid_of(job) in uids:
        _require_fewer(there[: uids.index(uid_of(job))], config)


def _by_age(api: KubernetesApi, config: KubeRayConfig) -> list[Object]:
    """Those that are not over, the oldest first.

    KubeRay removes the pods of a RayJob that is over, and leaves the RayJob itself.
    """
    ours = labels.selector(config.environment)
    there = [job for job in api.list(jobs_path(config.namespace), labels=ours) if not is_over(job)]
    return sorted(there, key=_age)


def _age(job: Object) -> tuple[str, str]:
    return str(job["metadata"]["creationTimestamp"]), uid_of(job)


def _require_fewer(there: Sequence[Object], config: KubeRayConfig) -> None:
    if len(there) < config.max_clusters:
        return
    oldest = there[0]["metadata"]
    raise ClusterStartError(
        f"{config.environment} has as many clusters as it may have, {len(there)} that are not "
        f"over; the oldest is {oldest['name']}, of {oldest['creationTimestamp']}",
        hint="`mlp cluster ls` shows them, `mlp cluster reap` those that nobody needs; or "
        "raise `max_clusters` of the clusters' configuration.",
    )
