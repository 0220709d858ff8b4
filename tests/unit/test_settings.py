"""Settings come from the environment, with defaults for a laptop."""

import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ml_platform.errors import SettingsError
from ml_platform.settings import PROJECT_ROOT, Settings, load_settings, without_passwords
from ml_platform.uris import local_path, sqlite_file


def test_the_defaults_keep_everything_under_one_folder() -> None:
    settings = Settings(home=Path("/srv/mlp"))
    assert settings.storage_root == "file:///srv/mlp/storage/local"
    assert settings.duckdb_file == Path("/srv/mlp/warehouse.duckdb")
    assert settings.tracking_uri == "sqlite:////srv/mlp/mlflow.db"
    assert settings.xray_database == "sqlite:////srv/mlp/xray/xray.db"


def test_a_sandbox_is_in_the_name_of_tables_models_and_paths() -> None:
    settings = Settings(environment="prod", sandbox="ada", storage_uri="gs://bucket/ml/")
    assert settings.feature_schema == "ml_prod_ada"
    assert settings.registered_name("flight_delay") == "prod_ada.flight_delay"
    assert settings.storage_root == "gs://bucket/ml/prod_ada"


@pytest.mark.parametrize(
    ("tracking_uri", "ui_url", "pages"),
    [
        ("", "", "http://127.0.0.1:5000"),
        ("https://mlflow.example.com/base/", "", "https://mlflow.example.com/base"),
        ("http://ann:secret@mlflow:5001", "", "http://mlflow:5001"),
        ("postgresql://db/mlflow", "", "http://127.0.0.1:5000"),
        ("http://mlflow:5001", "https://mlflow.example.com/", "https://mlflow.example.com"),
    ],
)
def test_links_go_to_the_mlflow_server_unless_its_pages_are_elsewhere(
    tracking_uri: str, ui_url: str, pages: str
) -> None:
    settings = Settings(mlflow_tracking_uri=tracking_uri, mlflow_ui_url=ui_url)
    assert settings.mlflow_pages == pages


def test_only_the_demo_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().partitions_end == date(2013, 12, 31)
    monkeypatch.setenv("MLP_PARTITIONS_END", "none")
    assert load_settings().partitions_end is None
    monkeypatch.delenv("MLP_PARTITIONS_END")
    monkeypatch.setenv("MLP_ENVIRONMENT", "prod")
    assert load_settings().partitions_end is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLP_ENVIRONMENT", "production"),
        ("MLP_SANDBOX", "Ada!"),
        ("MLP_PARTITIONS_START", "soon"),
        ("MLP_STORAGE_URI", "srv/mlp"),
        ("MLP_XRAY_URI", "mysql://db/xray"),
        ("MLP_XRAY_URI", "postgresql://db:many/xray"),
        ("MLP_HOME", "/srv/ml#p"),
        ("MLP_HOME", "/srv/ml%41p"),
        ("MLP_DUCKDB_PATH", "/srv/what?.duckdb"),
        ("DAGSTER_HOME", "/srv/what?"),
    ],
)
def test_a_value_that_cannot_be_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=re.escape(f"{variable}='{value}'")):
        load_settings()


@pytest.mark.parametrize(
    "variable",
    [
        *(f"MLP_{name.upper()}" for name in Settings.model_fields if name != "dagster_home"),
        "DAGSTER_HOME",
    ],
)
def test_a_variable_that_is_set_to_nothing_is_not_set(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    unset = load_settings()
    monkeypatch.setenv(variable, "")
    assert load_settings() == unset


def test_the_password_of_a_database_that_cannot_be_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLP_XRAY_URI", "mysql://ann:secret@db/xray")
    with pytest.raises(SettingsError) as told:
        load_settings()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("name", ["ho me", "100%", "ü", "a'b"])
def test_an_odd_name_of_home_is_the_same_folder_for_all(name: str) -> None:
    settings = Settings(home=Path("/srv") / name)
    assert local_path(settings.storage_root) == Path("/srv") / name / "storage" / "local"
    assert local_path(settings.mlflow_artifact_root) == Path("/srv") / name / "mlflow"
    assert sqlite_file(settings.tracking_uri) == Path("/srv") / name / "mlflow.db"
    assert sqlite_file(settings.xray_database) == Path("/srv") / name / "xray" / "xray.db"


@pytest.mark.parametrize("typed", ["file:///srv/my data", "file:///srv/my%20data/"])
def test_a_storage_folder_has_one_spelling(typed: str) -> None:
    assert Settings(storage_uri=typed).storage_root == "file:///srv/my%20data/local"


def test_a_checkout_that_makes_the_default_unusable_is_told_which_variable_to_set(
    tmp_path: Path,
) -> None:
    checkout = tmp_path / "ml#p"
    shutil.copytree(PROJECT_ROOT / "ml_platform", checkout / "ml_platform")
    program = "from ml_platform.settings import load_settings; load_settings()"
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    environment.pop("MLP_HOME", None)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "set MLP_HOME to another value" in done.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://ann:hunter2@mlflow:5000/a", "http://ann:…@mlflow:5000/a"),
        ("no http://u:p@one or postgresql://u:q@two", "no http://u:…@one or postgresql://u:…@two"),
        ("https://mlflow:5000/ann:b@c", "https://mlflow:5000/ann:b@c"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
    ],
)
def test_passwords_in_addresses_are_not_shown(text: str, shown: str) -> None:
    assert without_passwords(text) == shown
