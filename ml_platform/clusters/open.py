"""From settings and a cluster spec to the provisioner that makes such clusters."""

from pathlib import Path

from ml_platform.clusters.interface import Clusters
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.settings import Settings


def open_clusters(settings: Settings, spec: ClusterSpec) -> Clusters:
    """The provisioner that `spec` names."""
    match spec.provisioner:
        case "local":
            from ml_platform.clusters.local.provisioner import LocalClusters

            return LocalClusters(local_home(settings))


def local_home(settings: Settings) -> Path:
    """Where the local provisioner keeps its clusters."""
    return settings.home / "ray"
