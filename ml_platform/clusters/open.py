"""From settings and a cluster spec to the provisioner that makes such clusters."""

from pathlib import Path

from ml_platform.clusters.interface import Provisioner
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.settings import Settings


def open_provisioner(settings: Settings, spec: ClusterSpec) -> Provisioner:
    """The provisioner that `spec` names."""
    match spec.provisioner:
        case "local":
            from ml_platform.clusters.local.provisioner import LocalProvisioner

            return LocalProvisioner(local_home(settings))


def open_all_provisioners(settings: Settings) -> list[Provisioner]:
    """One provisioner of each kind."""
    return [open_provisioner(settings, ClusterSpec(provisioner="local"))]


def local_home(settings: Settings) -> Path:
    """Where the local provisioner keeps its clusters."""
    return settings.home / "ray"
