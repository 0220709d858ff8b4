"""From a RayCluster to its head: by its service inside of the cluster, else by the API server."""

import base64
from typing import Final

from ml_platform.clusters.interface import Gate, HeadAddress
from ml_platform.clusters.kuberay.api import KubernetesApi, core_path
from ml_platform.clusters.kuberay.config import DASHBOARD_PORT
from ml_platform.errors import ClusterStartError

TOKEN_KEY: Final = "auth_token"


def head_address(
    api: KubernetesApi, namespace: str, ray_cluster: str, *, token_auth: bool
) -> HeadAddress:
    """Where the head of a RayCluster takes jobs from this process.

    Raises:
        ClusterStartError: KubeRay has made no token for it.
        ApiRefusedError: the account may not read the secret.
    """
    token = _token(api, namespace, ray_cluster) if token_auth else ""
    service = f"{ray_cluster}-head-svc"
    if api.access.inside:
        return HeadAddress(
            url=f"http://{service}.{namespace}.svc:{DASHBOARD_PORT}",
            token=token,
            gate=Gate(headers=dict),
        )
    path = core_path(namespace, "services", f"{service}:{DASHBOARD_PORT}")
    return HeadAddress(
        url=f"{api.access.server}{path}/proxy",
        token=token,
        gate=Gate(headers=api.access.headers, tls=api.access.tls),
    )


def _token(api: KubernetesApi, namespace: str, ray_cluster: str) -> str:
    secret = api.get(core_path(namespace, "secrets", ray_cluster))
    if secret is None:
        raise ClusterStartError(
            f"the secret {ray_cluster} with Ray's token is not there",
            hint="KubeRay makes it since 1.5.1: is the operator older?",
        )
    return base64.b64decode(secret["data"][TOKEN_KEY]).decode()
