from pathlib import Path

from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.clusters.open import local_home, open_provisioner
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.settings import Settings


def test_a_local_spec_opens_the_local_provisioner(tmp_path: Path) -> None:
    provisioner = open_provisioner(Settings(home=tmp_path), ClusterSpec(provisioner="local"))
    assert isinstance(provisioner, LocalProvisioner)


def test_opening_starts_and_writes_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    open_provisioner(settings, ClusterSpec())
    assert not local_home(settings).exists()
