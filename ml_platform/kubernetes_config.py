"""How clusters on Kubernetes are made, as a part of the resource `clusters` that people can see.

Field by field what `KubeRayConfig` and its `Limits` say; those are without Dagster, which takes
seconds to import, for the sake of `mlp cluster`.
"""

from typing import Any, Final

import dagster as dg
from pydantic import ConfigDict, Field

from ml_platform.clusters.kuberay.config import Limits

_LIMITS: Final = Limits()


class KubernetesLimits(dg.Config):
    """Clocks of a cluster on Kubernetes, one for each thing that can take long."""

    model_config = ConfigDict(hide_input_in_errors=True)

    queue_s: float = Field(
        default=_LIMITS.queue_s, description="Seconds that it may wait in a queue of Kueue."
    )
    start_s: float = Field(
        default=_LIMITS.start_s,
        description="Seconds from its admission until every pod is ready.",
    )
    job_start_s: float = Field(
        default=_LIMITS.job_start_s,
        description="Seconds from the submission of a job until Ray runs its driver.",
    )
    unsubmitted_s: int = Field(
        default=_LIMITS.unsubmitted_s,
        description="Seconds after which KubeRay removes a cluster to which nobody has submitted.",
    )
    running_s: int = Field(
        default=_LIMITS.running_s,
        description="Seconds after which KubeRay removes a cluster that still runs; later where a "
        "training's max_runtime_s is longer. One of a person's own may live for so long at most.",
    )
    gone_s: int = Field(
        default=_LIMITS.gone_s, description="Seconds for which a finished cluster is kept."
    )
    idle_s: int = Field(
        default=_LIMITS.idle_s,
        description="Seconds after which the autoscaler removes a worker that has nothing to do.",
    )
    unused_s: int = Field(
        default=_LIMITS.unused_s,
        description="Seconds after which the reaper ends an interactive cluster on which no job "
        "has run, with a warning from half of it on; 0 for never.",
    )
    grace_s: int = Field(default=_LIMITS.grace_s, description="Seconds that pods are given to end.")


class KubernetesConfig(dg.Config):
    """Where and how clusters on Kubernetes are made."""

    # What stands in a wrong place may be a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    namespace: str = Field(description="Namespace of Kubernetes for all clusters.")
    image: str = Field(default="", description="Container image, in place of that of the resource.")
    environment: str = Field(
        default="", description="Label of each object, in place of the environment of the resource."
    )
    context: str = Field(
        default="",
        description="Context of the kubeconfig; empty for its current one, or for the pod's own "
        "account.",
    )
    kubeconfig: str = Field(
        default="", description="The file; empty for the usual one, or for the pod's own account."
    )
    service_account: str = Field(
        default="",
        description="Account of head and workers, who get no token of it; empty for the "
        "namespace's default.",
    )
    image_pull_policy: str = Field(
        default="", description="As Kubernetes writes it; empty for its own choice."
    )
    image_pull_secrets: list[str] = Field(
        default_factory=list, description="Names of secrets for pulling images."
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="Variables of head and workers; nothing secret."
    )
    env_from_secrets: list[str] = Field(
        default_factory=list,
        description="Names of secrets whose keys become variables of head and workers.",
    )
    pod: dict[str, Any] = Field(
        default_factory=dict, description="More fields of every pod, as in a worker group's `pod`."
    )
    schedulers: list[str] = Field(
        default_factory=list,
        description="Names that a pod's `schedulerName` may have beside Kubernetes' own and that "
        "of `pod`.",
    )
    cpu_request_share: float = Field(
        default=1.0,
        description="What part of its CPUs a pod requests of Kubernetes; under 1 where a cluster "
        "is too small for what runs on it.",
    )
    token_auth: bool = Field(default=True, description="Whether Ray asks for a token.")
    token_secret: str = Field(
        default="",
        description="A secret that has it as `auth_token`, for all clusters; empty for one that "
        "KubeRay makes for each.",
    )
    max_clusters: int = Field(
        default=20,
        description="How many clusters this environment may have at once; what is over does not "
        "count.",
    )
    catalogue: dict[str, Any] = Field(
        default_factory=dict,
        description="What `nodes` there are: a cluster that fits none is refused before anything "
        "is made.",
    )
    limits: KubernetesLimits = Field(
        default_factory=KubernetesLimits, description="Clocks, in seconds."
    )

    def values(self) -> dict[str, Any]:
        """As the file of MLP_CLUSTERS_FILE has them."""
        said_by_the_resource = {
            name for name in ("image", "environment") if not getattr(self, name)
        }
        return self.model_dump(exclude=said_by_the_resource)
