"""The dbt project's environment and version, without running dbt."""

import shutil
from pathlib import Path

import pytest

from ml_platform.errors import DbtProjectError
from ml_platform.features.project import (
    dbt_variables,
    manifest_hash,
    prepared_manifest,
    remove_old_runs,
)
from ml_platform.settings import PROJECT_ROOT, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    project = shutil.copytree(PROJECT_ROOT / "dbt_project", tmp_path / "dbt")
    return Settings(home=tmp_path / "home", project_dir=project)


def test_a_changed_model_changes_the_hash(settings: Settings) -> None:
    before = manifest_hash(settings)
    model = settings.project_dir / "models" / "features" / "aircraft.sql"
    model.write_text(model.read_text() + "\n-- changed")
    assert manifest_hash(settings) != before


def test_what_dbt_writes_itself_does_not_change_the_hash(settings: Settings) -> None:
    before = manifest_hash(settings)
    (settings.project_dir / "target").mkdir()
    (settings.project_dir / "target" / "manifest.json").write_text("{}")
    (settings.project_dir / ".user.yml").write_text("id: 1")
    assert manifest_hash(settings) == before


def test_the_hash_does_not_depend_on_the_place(settings: Settings, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(settings.project_dir, tmp_path / "elsewhere")
    assert manifest_hash(Settings(project_dir=elsewhere)) == manifest_hash(settings)


def test_a_sandbox_has_a_schema_and_a_target_of_its_own(tmp_path: Path) -> None:
    mine = dbt_variables(Settings(home=tmp_path, sandbox="ada"))
    shared = dbt_variables(Settings(home=tmp_path))
    assert (mine["MLP_DBT_SCHEMA"], shared["MLP_DBT_SCHEMA"]) == ("ml_local_ada", "ml_local")
    assert mine["DBT_TARGET_PATH"] != shared["DBT_TARGET_PATH"]


def test_an_emulator_is_reached_with_any_token() -> None:
    variables = dbt_variables(
        Settings(
            warehouse="bigquery", bigquery_project="p", bigquery_api_endpoint="http://127.0.0.1:1"
        )
    )
    assert variables["MLP_DBT_TARGET"] == "bigquery"
    assert variables["MLP_DBT_BIGQUERY_METHOD"] == "oauth-secrets"
    assert variables["MLP_DBT_BIGQUERY_API_ENDPOINT"] == "http://127.0.0.1:1"


def test_googles_own_service_takes_the_machines_identity() -> None:
    variables = dbt_variables(Settings(warehouse="bigquery", bigquery_project="p"))
    assert "MLP_DBT_BIGQUERY_METHOD" not in variables


def test_a_folder_without_a_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(DbtProjectError, match="no dbt project in") as caught:
        prepared_manifest(Settings(home=tmp_path, project_dir=tmp_path))
    assert "MLP_PROJECT_DIR" in caught.value.hint


def test_what_builds_left_behind_goes_after_a_week(tmp_path: Path) -> None:
    failed, killed, manifest = (
        tmp_path / "features-1a2b-3c4d",
        tmp_path / "column_lineage.json.features-5e6f",
        tmp_path / "manifest.json",
    )
    failed.mkdir()
    (failed / "dbt.log").touch()
    killed.touch()
    manifest.touch()
    week_s = 7 * 86_400
    remove_old_runs(tmp_path, now=failed.stat().st_mtime + week_s - 60)
    assert failed.exists()
    remove_old_runs(tmp_path, now=failed.stat().st_mtime + week_s + 60)
    assert list(tmp_path.iterdir()) == [manifest]
