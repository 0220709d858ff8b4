"""From a RayCluster to its head: by its service inside of the cluster, else by the API server."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from ml_platform.clusters.interface import Gate, HeadAddress
from ml_platform.clusters.kuberay.api import KubernetesApi, core_path
from ml_platform.clusters.kuberay.config import DASHBOARD_PORT
from ml_platform.errors import ClusterStartError

TOKEN_KEY: Final = "auth_token"
LOST_AFTER_S: Final = 180.0
"""How long a head may be silent that is not known to have ended.

That of a busy cluster may be so for long, and from outside it is for as long as the API server is
away, which takes minutes where a control plane is upgraded. That it is there is known from its pod.
"""
_LONGEST_SECRET: Final = 50


def head_address(
    api: KubernetesApi, namespace: str, ray_cluster: str, *, auth: Mapping[str, Any]
) -> HeadAddress:
    """Where the head of a RayCluster takes jobs from this process.

    Args:
        api: The API server.
        namespace: Where it is.
        ray_cluster: Its name.
        auth: Its `authOptions`.

    Raises:
        ClusterStartError: there is no token for it.
        ApiRefusedError: the account may not read the secret.
    """
    token = _token(api, namespace, ray_cluster, auth) if auth.get("mode") == "token" else ""
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
        gate=Gate(headers=api.access.headers, tls=api.access.tls, still_grants=api.still_grants),
    )


def secret_name(ray_cluster: str) -> str:
    """What KubeRay calls the secret of a RayCluster: the last 50 characters of the cluster's name.

    A first one that is no letter becomes `r` (`CheckName` in KubeRay 1.7.0). RayJobs of 45 to 47
    characters have RayClusters of more.
    """
    last = ray_cluster[-_LONGEST_SECRET:]
    return last if last[:1].isalpha() else f"r{last[1:]}"


def _token(api: KubernetesApi, namespace: str, ray_cluster: str, auth: Mapping[str, Any]) -> str:
    given = str(auth.get("secretName") or "")
    name = given or secret_name(ray_cluster)
    secret = api.get(core_path(namespace, "secrets", name))
    if secret is None:
        raise ClusterStartError(
            f"the secret {name} with Ray's token is not there",
            hint=f"`token_secret` names it: make it, with the key {TOKEN_KEY}."
            if given
            else "KubeRay makes it since 1.5.1: is the operator older?",
        )
    return base64.b64decode(secret["data"][TOKEN_KEY]).decode()
