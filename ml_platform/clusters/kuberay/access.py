"""How this process reaches the API server: address, certificates, and a token that may change."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.errors import ClusterError

if TYPE_CHECKING:
    from kubernetes.client import Configuration

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiAccess:
    """The API server of one cluster.

    Attributes:
        server: Its address, without a slash at the end.
        inside: Whether this process runs in a pod of that cluster, and so reaches its services.
        headers: What a request has to bring; asked each time, as tokens expire.
        tls: Certificates; None for plain HTTP.
    """

    server: str
    inside: bool
    headers: Callable[[], Mapping[str, str]]
    tls: ssl.SSLContext | None

    @property
    def connection(self) -> dict[str, Any]:
        """How a client of httpx reaches it; a proxy from the environment is for the internet."""
        return {"base_url": self.server, "verify": self.tls or False, "trust_env": False}


def find_access(*, kubeconfig: str = "", context: str = "") -> ApiAccess:
    """The access that a kubeconfig gives, else the pod's own account.

    Args:
        kubeconfig: A file; empty for `KUBECONFIG` or the home's.
        context: One of its contexts; empty for the current one.

    Raises:
        ClusterError: there is neither, or it cannot be read; names what was tried.
    """
    try:
        from kubernetes import client, config
    except ModuleNotFoundError as error:
        raise ClusterError(
            "clusters on Kubernetes need the package `kubernetes`, which is not installed",
            hint="install `ml_platform[production]`.",
        ) from error
    found = client.Configuration()
    inside = not kubeconfig and not context and _ACCOUNT.is_file()
    try:
        if inside:
            config.load_incluster_config(client_configuration=found)
        else:
            config.load_kube_config(
                config_file=kubeconfig or None,
                context=context or None,
                client_configuration=found,
                persist_config=False,
            )
    except config.ConfigException as error:
        where = f"the kubeconfig {kubeconfig}" if kubeconfig else "KUBECONFIG or ~/.kube/config"
        raise ClusterError(
            f"no access to Kubernetes: {error}",
            hint=f"looked in {where}; name another by `kubeconfig` and `context` in the file of "
            "MLP_CLUSTERS_FILE.",
        ) from error
    return ApiAccess(
        server=str(found.host).rstrip("/"),
        inside=inside,
        headers=lambda: _headers(found),
        tls=_tls(found),
    )


def _headers(found: "Configuration") -> dict[str, str]:
    settings = found.auth_settings()
    return {
        str(one["key"]): str(one["value"])
        for one in settings.values()
        if one.get("in") == "header" and one.get("value")
    }


def _tls(found: "Configuration") -> ssl.SSLContext | None:
    if not str(found.host).startswith("https:"):
        return None
    tls = ssl.create_default_context(cafile=found.ssl_ca_cert or None)
    if not found.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if found.cert_file:
        tls.load_cert_chain(found.cert_file, found.key_file)
    return tls
