"""What `mlp doctor` finds where something is broken: a no always has a next step."""

import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ml_platform.health.look import Look
from ml_platform.health.looks import examine
from ml_platform.health.pages import dagster_look, mlflow_look, xray_look
from ml_platform.settings import Settings
from ml_platform.xray.gather import gather
from ml_platform.xray.store import open_store
from tests.support.xray import Training
from tests.support.xray_pages import pages_of

REGISTRY = "registry (MLflow)"


def looks_at(settings: Settings) -> dict[str, Look]:
    return {one.name: one for one in examine(settings)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # Without a dbt project, which would be parsed for each test.
    return Settings(
        home=tmp_path, dagster_home=tmp_path / "dagster", project_dir=tmp_path / "no_project"
    )


def test_a_registry_that_is_not_there_yet_is_well(settings: Settings) -> None:
    found = looks_at(settings)[REGISTRY]
    assert (found.state, found.fix) == ("ok", "")
    assert "made by the first training" in found.value


def test_the_embedded_registry_is_opened(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.home / "mlflow.db")) as store:
        store.execute("CREATE TABLE registered_models (name TEXT)")
        store.execute("INSERT INTO registered_models VALUES ('local.flight_delay')")
        store.commit()
    assert looks_at(settings)[REGISTRY].value.endswith("mlflow.db, 1 model(s)")


def test_a_port_that_somebody_has_is_said_with_the_setting_for_another(
    settings: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        other = settings.model_copy(
            update={"mlflow_ui_url": url, "dagster_url": url, "xray_url": url}
        )
        looks = (dagster_look, mlflow_look, xray_look)
        pages = {one.name: one for one in (look(other) for look in looks)}
    assert {one.state for one in pages.values()} == {"note"}
    assert "MLP_XRAY_URL" in pages["X-Ray's pages"].fix
    assert "MLP_DAGSTER_URL" in pages["Dagster's pages"].fix
    assert "MLP_MLFLOW_UI_URL" in pages["MLflow's pages"].fix


def test_pages_of_xray_that_answer_are_there(settings: Settings) -> None:
    with pages_of(settings) as url:
        found = xray_look(settings.model_copy(update={"xray_url": f"{url}/"}))
    assert (found.state, found.value) == ("ok", url)


def test_pages_of_xray_on_this_machine_are_opened_when_somebody_wants_them(
    settings: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = xray_look(settings.model_copy(update={"xray_url": f"http://127.0.0.1:{port}"}))
    assert (found.state, found.fix) == ("ok", "")
    assert "`make dev` starts it" in found.value


def test_pages_of_xray_that_were_named_and_do_not_answer_are_noted(settings: Settings) -> None:
    for url in ("http://xray.invalid:1", "gopher://xray.invalid"):
        found = xray_look(settings.model_copy(update={"xray_url": url}))
        assert found.state == "note"
        assert "MLP_XRAY_URL" in found.fix


def test_a_database_of_xray_that_is_not_there_yet_is_well_and_not_made(settings: Settings) -> None:
    found = looks_at(settings)["X-Ray's database"]
    assert found.state == "ok"
    assert "made by the first" in found.value
    assert not (settings.home / "xray").exists()


def test_the_database_of_xray_is_opened(settings: Settings) -> None:
    Training(storage_root=settings.storage_root).claim()
    with open_store(settings) as store:
        gather(store, settings.storage_root)
    assert looks_at(settings)["X-Ray's database"].value.endswith("xray.db, 1 going on")


def no_xray(home: Path) -> str:
    (home / "xray").mkdir()
    (home / "xray" / "xray.db").write_text("not a database, however long this text may be")
    return "X-Ray's database"


def no_store(home: Path) -> str:
    (home / "mlflow.db").write_text("not a database, however long this text may be")
    return REGISTRY


def no_warehouse(home: Path) -> str:
    (home / "warehouse.duckdb").write_text("not a database, however long this text may be")
    return "warehouse (duckdb)"


def no_dagster(home: Path) -> str:
    history = home / "dagster" / "history"
    history.mkdir(parents=True)
    (history / "runs.db").write_text("not a database, however long this text may be")
    return "Dagster's home"


def no_storage(home: Path) -> str:
    (home / "storage").write_text("a file where a folder belongs")
    return "storage"


@pytest.mark.parametrize("damage", [no_store, no_warehouse, no_dagster, no_storage, no_xray])
def test_what_is_damaged_is_a_no_with_a_next_step(
    settings: Settings, damage: Callable[[Path], str]
) -> None:
    name = damage(settings.home)
    found = looks_at(settings)[name]
    assert found.state == "no"
    assert found.fix
    assert "mlp doctor" not in found.fix


def test_a_registry_of_another_kind_that_does_not_open_is_a_no_with_a_next_step(
    settings: Settings,
) -> None:
    other = settings.model_copy(update={"mlflow_tracking_uri": "nowhere://registry"})
    found = looks_at(other)[REGISTRY]
    assert found.state == "no"
    assert "MLP_MLFLOW_TRACKING_URI" in found.fix
