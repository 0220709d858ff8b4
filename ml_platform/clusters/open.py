"""From a cluster spec to the provisioner that makes such clusters."""

from pathlib import Path
from typing import Any, Final

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
from ml_platform.clusters.presets import ON_A_LAPTOP, Presets
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import SettingsError
from ml_platform.settings import Settings
from ml_platform.wrong_values import of_another_type

BUDGETS: Final = "budgets"
"""The key of the file of clusters under which X-Ray finds what teams and assets may spend."""


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
    kuberay = kuberay_config(settings)
    return [*found, EphemeralProvisioner(kuberay)] if kuberay is not None else found


def open_interactive(settings: Settings) -> InteractiveClusters:
    """The clusters on Kubernetes that people make; nobody is asked yet.

    Raises:
        SettingsError: nothing says on which Kubernetes, or a value of it is wrong.
    """
    kuberay = kuberay_config(settings)
    if kuberay is None:
        raise SettingsError(
            "clusters that people make are on Kubernetes, and nothing says on which",
            hint="let MLP_CLUSTERS_FILE name a file that says at least the `namespace`.",
        )
    return InteractiveClusters(kuberay)


def resolved(settings: Settings, spec: ClusterSpec) -> ClusterSpec:
    """What `spec` is in this environment: presets, provisioner and image filled in.

    Raises:
        InputError: it names a preset that there is not.
        SettingsError: the preset, or the file that has it, is not usable.
    """
    found = presets_of(settings).resolved(spec)
    return found.completed(provisioner=settings.provisioner, image=settings.image)


def presets_of(settings: Settings) -> Presets:
    """The presets of this environment.

    Raises:
        SettingsError: the file that has them is not usable.
    """
    values, _ = read_clusters_file(settings)
    file = settings.clusters_file
    return Presets(
        environment=settings.namespace,
        where=str(file) if file else "a YAML file that MLP_CLUSTERS_FILE names (now: none)",
        values=values,
    )


def read_clusters_file(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """The presets that there are, and what is said of clusters on Kubernetes; both may be empty.

    Raises:
        SettingsError: the file cannot be read, or is none such.
    """
    kubernetes = read_values(settings.clusters_file) if settings.clusters_file else {}
    kubernetes.pop(BUDGETS, None)  # X-Ray's, see `budgets_of`
    presets = kubernetes.pop("presets", None) or {}
    if not isinstance(presets, dict):
        raise SettingsError(
            of_another_type(f"{settings.clusters_file}: presets", presets, "cluster specs by name"),
            hint="README has the keys of the clusters' configuration.",
        )
    built_in = ON_A_LAPTOP if settings.environment == "local" else {}
    return {**built_in, **presets}, kubernetes


def local_home(settings: Settings) -> Path:
    """Where the local provisioner keeps its clusters."""
    return settings.home / "ray"


def kuberay_config(settings: Settings) -> KubeRayConfig | None:
    """How clusters on Kubernetes are made; None where nothing says so.

    Raises:
        SettingsError: a key or a value of the file is wrong.
    """
    _, kubernetes = read_clusters_file(settings)
    if not kubernetes:
        return None
    return config_from(
        kubernetes,
        environment=settings.namespace,
        image=settings.image,
        where=str(settings.clusters_file),
    )
