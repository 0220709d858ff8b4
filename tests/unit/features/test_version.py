"""The name of what a project builds."""

from pathlib import Path

from ml_platform.features.version import project_version


def test_content_is_read_again_when_a_file_has_changed(tmp_path: Path) -> None:
    model = tmp_path / "model.sql"
    model.write_text("select 1")
    before = project_version(tmp_path)
    assert project_version(tmp_path) == before
    model.write_text("select 10")
    assert project_version(tmp_path) != before


def test_a_file_that_is_written_anew_with_the_same_content_changes_nothing(tmp_path: Path) -> None:
    model = tmp_path / "model.sql"
    model.write_text("select 1")
    before = project_version(tmp_path)
    model.unlink()
    model.write_text("select 1")
    assert project_version(tmp_path) == before


def test_packages_count_and_a_link_to_a_folder_above_is_no_circle(tmp_path: Path) -> None:
    packages = tmp_path / "dbt_packages"
    packages.mkdir()
    before = project_version(tmp_path)
    (packages / "parts.sql").write_text("select 1")
    (packages / "above").symlink_to(tmp_path)
    assert project_version(tmp_path) != before


def test_a_link_that_leads_nowhere_is_left_out(tmp_path: Path) -> None:
    before = project_version(tmp_path)
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    assert project_version(tmp_path) == before


def test_a_package_that_is_a_link_to_a_folder_beside_counts(tmp_path: Path) -> None:
    project, package = tmp_path / "shop", tmp_path / "parts"
    (project / "dbt_packages").mkdir(parents=True)
    package.mkdir()
    (package / "parts.sql").write_text("select 1")
    (project / "dbt_packages" / "parts").symlink_to(package)
    before = project_version(project)
    (package / "parts.sql").write_text("select 10")
    assert project_version(project) != before


def test_packages_that_link_to_each_other_are_no_circle(tmp_path: Path) -> None:
    project, package = tmp_path / "shop", tmp_path / "parts"
    (project / "dbt_packages").mkdir(parents=True)
    package.mkdir()
    before = project_version(project)
    (package / "itself").symlink_to(package)
    (package / "parts.sql").write_text("select 1")
    (project / "dbt_packages" / "parts").symlink_to(package)
    assert project_version(project) != before
