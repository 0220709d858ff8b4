"""How the provisioner `ephemeral` works on a Kubernetes cluster: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ml_platform.clusters.catalogue import Catalogue

DASHBOARD_PORT: Final = 8265
RAY_VERSION: Final = "2.60.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Clocks of a cluster, one for each thing that can take long, in seconds.

    Attributes:
        queue_s: Waiting in a queue of Kueue; no failure of ours.
        start_s: From its admission until every pod is ready.
        unsubmitted_s: KubeRay removes a cluster to which nobody has submitted for so long.
        running_s: KubeRay removes a cluster that still runs after so long, whoever forgot it.
        gone_s: A finished cluster is kept for so long.
        grace_s: Pods are given so long to end.
    """

    queue_s: float = 24 * 3600.0
    start_s: float = 1200.0
    unsubmitted_s: int = 1800
    running_s: int = 3 * 24 * 3600
    gone_s: int = 10
    grace_s: int = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeRayConfig:
    """Where and how clusters are made.

    Attributes:
        namespace: Namespace of Kubernetes for all clusters.
        environment: Environment and sandbox; labels each object, and only what carries it is ours.
        image: For clusters whose spec names none.
        context: Context of the kubeconfig; empty for its current one, or for the pod's own account.
        kubeconfig: The file; empty for the usual one, or for the pod's own account.
        service_account: Of head and workers; empty for the namespace's default. Its token is not
            given to them.
        image_pull_policy: As Kubernetes writes it; empty for its own choice.
        image_pull_secrets: Names of secrets.
        env: Variables of head and workers.
        env_from_secrets: Names of secrets whose keys become variables of head and workers.
        pod: More fields of every pod, as in a group's `pod`.
        cpu_request_share: What part of its CPUs a pod requests of Kubernetes; under 1 where a
            cluster is too small for what runs on it, such as kind on a laptop. Ray counts all.
        token_auth: Whether Ray asks for a token.
        max_clusters: How many clusters this environment may have at once.
        catalogue: What nodes there are.
        limits: Clocks.
    """

    namespace: str
    environment: str
    image: str = ""
    context: str = ""
    kubeconfig: str = ""
    service_account: str = ""
    image_pull_policy: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    env_from_secrets: tuple[str, ...] = ()
    pod: Mapping[str, Any] = field(default_factory=dict)
    cpu_request_share: float = 1.0
    token_auth: bool = True
    max_clusters: int = 20
    catalogue: Catalogue = field(default_factory=Catalogue)
    limits: Limits = field(default_factory=Limits)
