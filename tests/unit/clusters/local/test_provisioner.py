import sys
from pathlib import Path

import pytest

from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.clusters.open import open_provisioner
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.resources import resources_from
from ml_platform.settings import Environment, Settings


@pytest.mark.parametrize(
    ("environment", "forks"), [("local", True), ("ci", False), ("prod", False)]
)
def test_only_on_a_laptop_is_there_a_fork_server_unless_somebody_asks(
    tmp_path: Path, environment: Environment, forks: bool
) -> None:
    settings = Settings(home=tmp_path, environment=environment, partitions_end=None)
    of_assets = resources_from(settings).clusters.provisioner(ClusterSpec())
    for provisioner in (open_provisioner(settings, ClusterSpec()), of_assets):
        assert isinstance(provisioner, LocalProvisioner)
        assert provisioner.fork_server is (forks and sys.platform == "linux")
