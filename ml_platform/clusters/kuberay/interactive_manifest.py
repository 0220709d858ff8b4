"""From what a person asks for to the RayJob of an interactive cluster: a pure function."""

from dataclasses import dataclass, replace
from typing import Any

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.checks.valid import require_valid
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.expiry import expiry_text, require_ttl
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.spec import ClusterSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An interactive cluster that a person asks for.

    Attributes:
        name: Its name, unique in the namespace.
        spec: What it is to be.
        owner: Whose it is, as `user@host`.
        ttl_s: Seconds after which it ends by itself.
    """

    name: str
    spec: ClusterSpec
    owner: str
    ttl_s: float


def interactive_manifest(wanted: Wanted, config: KubeRayConfig, *, now_s: float) -> dict[str, Any]:
    """The RayJob of an interactive cluster, made at `now_s` seconds since 1970. Pure.

    Raises:
        InputError: its time to live is none.
        ModelSpecError: no such cluster can be made; says why.
    """
    require_ttl(wanted.ttl_s, longest_s=config.limits.running_s)
    config = ending_after(config, wanted.ttl_s)
    spec = wanted.spec.completed(provisioner="ephemeral", image=config.image)
    require_valid(wanted.name, spec, config, typed="the options, or the preset")
    return ray_job(
        wanted.name,
        spec,
        config,
        holder=wanted.owner,
        annotations={
            labels.OWNER: wanted.owner,
            labels.EXPIRES: expiry_text(now_s + wanted.ttl_s),
        },
    )


def ending_after(config: KubeRayConfig, ttl_s: float) -> KubeRayConfig:
    """The same, with KubeRay's deadlines at the end of the time to live."""
    end_s = int(ttl_s)
    start_s = min(config.limits.start_s, end_s - 1)
    limits = replace(config.limits, unsubmitted_s=end_s, running_s=end_s, start_s=start_s)
    return replace(config, limits=limits)
