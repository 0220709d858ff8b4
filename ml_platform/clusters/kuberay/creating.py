"""A RayJob is made, or it is said why not: the API server's no is diagnosed, as one of a pod is."""

from collections.abc import Mapping
from typing import Any

from ml_platform.clusters.kuberay.answers import said_in
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.diagnosis.refused import refused_create
from ml_platform.clusters.kuberay.outages import Outages
from ml_platform.clusters.kuberay.room import require_room
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.errors import ApiAwayError, ApiRefusedError, ObjectMissingError
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
    try:
        require_room(api, config)
        with api.telling(Outages(recorder, config.namespace).met):
            return api.create(jobs_path(config.namespace), manifest)
    except (ApiRefusedError, ObjectMissingError, ApiAwayError) as error:
        found = refused_create(said_in(error), config.namespace)
        if found is None:
            raise
        raise found.failure.to_start_error(str(manifest["metadata"]["name"])) from error
