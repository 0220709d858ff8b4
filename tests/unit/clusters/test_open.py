from pathlib import Path

import pytest

from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.clusters.open import (
    local_home,
    open_interactive,
    open_provisioner,
    open_provisioners,
)
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import SettingsError
from ml_platform.resources import resources_from
from ml_platform.settings import Settings


def test_a_local_spec_opens_the_local_provisioner(tmp_path: Path) -> None:
    provisioner = open_provisioner(Settings(home=tmp_path), ClusterSpec(provisioner="local"))
    assert isinstance(provisioner, LocalProvisioner)


def test_opening_starts_and_writes_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    open_provisioner(settings, ClusterSpec())
    assert not local_home(settings).exists()


@pytest.mark.parametrize("configured", [False, True])
def test_the_commands_see_the_clusters_that_assets_make(
    tmp_path: Path, *, configured: bool
) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("namespace: ray\n")
    settings = Settings(home=tmp_path, clusters_file=file if configured else None)

    of_commands = open_provisioners(settings)
    of_assets = resources_from(settings).clusters.provisioners()

    assert [(one.kind, one.place) for one in of_commands] == [
        (one.kind, one.place) for one in of_assets
    ]
    assert len(of_commands) == 1 + configured


def test_a_cluster_of_ones_own_needs_a_kubernetes(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="on which"):
        open_interactive(Settings(home=tmp_path))
