"""A RayJob is made, or it is said why not: the API server's no is diagnosed, as one of a pod is."""

from collections.abc import Mapping
from typing import Any

from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.diagnosis.refused import refused_create
from ml_platform.clusters.kuberay.room import require_room
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.errors import ApiAwayError, ApiRefusedError, ClusterError, ObjectMissingError
from ml_platform.xray.records import Recorder


def create_job(
    api: KubernetesApi, config: KubeRayConfig, manifest: Mapping[str, Any], recorder: Recorder
) -> Object:
    """Make a RayJob where there is room for one more; returns it.

    Args:
        api: The API server.
        config: Where and how.
        manifest: The RayJob.
        recorder: Is told why it is tried again.

    Raises:
        ClusterStartError: there is no room, or the server does not make it; names the cause.
        ObjectConflictError: there is one of this name.
        ApiRefusedError: the account may not.
        ApiAwayError: the server stayed away.
    """
    told: set[str] = set()

    def tell(error: ApiAwayError) -> None:
        found = refused_create(_said(error), config.namespace)
        key, message = (found.key, found.failure.message) if found else ("", error.message)
        if key not in told:
            told.add(key)
            recorder.happened("cluster", detail=f"starting: {message}")

    try:
        require_room(api, config)
        return api.create(jobs_path(config.namespace), manifest, on_away=tell)
    except (ApiRefusedError, ObjectMissingError, ApiAwayError) as error:
        found = refused_create(_said(error), config.namespace)
        if found is None:
            raise
        raise found.failure.to_start_error(str(manifest["metadata"]["name"])) from error


def _said(error: ClusterError) -> str:
    """The API server's own words of an error."""
    for before in ("refuses: ", "does not answer: "):
        _, found, words = error.message.partition(before)
        if found:
            return words
    return error.message
