"""From a cluster spec to the provisioner that makes such clusters."""

from pathlib import Path

from ml_platform.clusters.interface import JOB_START_S, Provisioner
from ml_platform.clusters.kuberay.config import KubeRayConfig, config_from, read_values
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.interactive import InteractiveClusters
from ml_platform.clusters.local.provisioner import (
    IDLE_TIMEOUT_S,
    ORPHAN_GRACE_S,
    START_TIMEOUT_S,
    LocalProvisioner,
)
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import SettingsError
from ml_platform.settings import Settings


def provisioner_for(
    spec: ClusterSpec,
    *,
    local_folder: Path,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
    orphan_grace_s: float = ORPHAN_GRACE_S,
    start_timeout_s: float = START_TIMEOUT_S,
    job_start_timeout_s: float = JOB_START_S,
    fork_server: bool = False,
    kuberay: KubeRayConfig | None = None,
) -> Provisioner:
    """The provisioner that `spec` names; nothing is started, asked or written yet.

    Raises:
        SettingsError: it is to be on Kubernetes, and nothing says on which.
    """
    match spec.provisioner:
        case "ephemeral":
            if kuberay is None:
                raise SettingsError(
                    "the provisioner `ephemeral` makes clusters on Kubernetes, and nothing says "
                    "on which",
                    hint="let MLP_CLUSTERS_FILE name a file that says at least the `namespace`.",
                )
            return EphemeralProvisioner(kuberay)
        case "local" | "":
            return LocalProvisioner(
                local_folder,
                idle_timeout_s=idle_timeout_s,
                orphan_grace_s=orphan_grace_s,
                start_timeout_s=start_timeout_s,
                job_start_timeout_s=job_start_timeout_s,
                fork_server=fork_server,
            )


def open_provisioner(settings: Settings, spec: ClusterSpec) -> Provisioner:
    """The provisioner that `spec` names, with the limits that nobody has changed."""
    return provisioner_for(
        spec.completed(provisioner="local", image=""),
        local_folder=local_home(settings),
        fork_server=settings.environment == "local",
    )


def open_provisioners(settings: Settings) -> list[Provisioner]:
    """One of each kind that can be had here, without the seconds that Dagster's resources take.

    Raises:
        SettingsError: a value of the clusters' configuration is wrong.
    """
    found = [open_provisioner(settings, ClusterSpec(provisioner="local"))]
    kuberay = _kuberay_config(settings)
    return [*found, EphemeralProvisioner(kuberay)] if kuberay is not None else found


def open_interactive(settings: Settings) -> InteractiveClusters:
    """The clusters on Kubernetes that people make; nobody is asked yet.

    Raises:
        SettingsError: nothing says on which Kubernetes, or a value of it is wrong.
    """
    kuberay = _kuberay_config(settings)
    if kuberay is None:
        raise SettingsError(
            "clusters that people make are on Kubernetes, and nothing says on which",
            hint="let MLP_CLUSTERS_FILE name a file that says at least the `namespace`.",
        )
    return InteractiveClusters(kuberay)


def local_home(settings: Settings) -> Path:
    """Where the local provisioner keeps its clusters."""
    return settings.home / "ray"


def _kuberay_config(settings: Settings) -> KubeRayConfig | None:
    if settings.clusters_file is None:
        return None
    return config_from(
        read_values(settings.clusters_file),
        environment=settings.namespace,
        image=settings.image,
        where=str(settings.clusters_file),
    )
