"""Packages of dbt that are installed by themselves: those that are folders of this machine."""

from pathlib import Path

import pytest

from ml_platform.features.packages import install_local_packages
from ml_platform.features.project import dbt_executable


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project beside a folder with a package."""
    for name in ("shop", "parts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dbt_project.yml").write_text(f"name: {name}\nprofile: shop\n")
    return tmp_path / "shop"


def install(project: Path, *, dbt: str = "") -> None:
    lock = project.parent / "lock"
    install_local_packages(project, dbt=dbt or dbt_executable(), lock=lock)


def test_a_package_of_a_folder_is_installed(project: Path) -> None:
    (project / "packages.yml").write_text("packages: [{local: ../parts}]")
    install(project)
    assert (project / "dbt_packages" / "parts" / "dbt_project.yml").is_file()


def test_what_is_installed_is_left_alone(project: Path) -> None:
    (project / "packages.yml").write_text("packages: [{local: ../parts}]")
    mine = project / "dbt_packages" / "parts" / "changed.sql"
    mine.parent.mkdir(parents=True)
    mine.touch()
    install(project, dbt="/no/such/program")
    assert mine.exists()


@pytest.mark.parametrize(
    "text",
    [
        "packages: [{local: ../parts}, {package: dbt-labs/dbt_utils, version: 1.3.0}]",
        "packages:",
        "packages: [",
    ],
    ids=["one of the hub", "none", "no YAML"],
)
def test_nothing_is_begun_for_other_packages(text: str, project: Path) -> None:
    (project / "packages.yml").write_text(text)
    install(project, dbt="/no/such/program")
    assert not (project / "dbt_packages").exists()
