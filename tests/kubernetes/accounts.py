"""The API server as a service account reaches it, with nothing but its token."""

import ssl

from ml_platform.clusters.kuberay.access import ApiAccess, find_access
from tests.kubernetes.testbed.cluster import Cluster


def access_of(cluster: Cluster, namespace: str, account: str) -> ApiAccess:
    """How a service account of a namespace reaches a cluster from outside."""
    token = cluster.kubectl("create", "token", account, f"--namespace={namespace}").strip()
    return ApiAccess(
        server=find_access(kubeconfig=str(cluster.kubeconfig)).server,
        inside=False,
        headers=lambda: {"authorization": f"Bearer {token}"},
        tls=_without_certificate(),
    )


def _without_certificate() -> ssl.SSLContext:
    """The administrator's certificate would be believed before the token."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
