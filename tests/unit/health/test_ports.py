"""`make dev` serves where nobody else does, and says who does."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_platform.clusters.local.ray_process import free_port
from ml_platform.errors import SettingsError
from ml_platform.health.ports import holder, require_free
from ml_platform.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def settings(home: Path, *, dagster: int, mlflow: int, xray: int = 0) -> Settings:
    return Settings(
        home=home,
        dagster_url=f"http://127.0.0.1:{dagster}",
        mlflow_ui_url=f"http://127.0.0.1:{mlflow}/",
        xray_url=f"http://127.0.0.1:{xray or free_port()}",
    )


def test_a_taken_port_of_dagster_is_named_with_its_holder_and_its_setting(
    tmp_path: Path, taken: int, free: int
) -> None:
    with pytest.raises(SettingsError) as raised:
        require_free(settings(tmp_path, dagster=taken, mlflow=free))
    assert f"port {taken}, on which Dagster would be served, is taken by" in raised.value.message
    assert f"MLP_DAGSTER_URL=http://127.0.0.1:{taken + 1} make dev" in raised.value.hint


def test_a_taken_port_of_mlflow_is_named_with_its_setting(
    tmp_path: Path, taken: int, free: int
) -> None:
    with pytest.raises(SettingsError, match="on which MLflow would be served") as raised:
        require_free(settings(tmp_path, dagster=free, mlflow=taken))
    assert "MLP_MLFLOW_UI_URL=" in raised.value.hint


def test_a_taken_port_of_xray_is_named_with_its_setting(
    tmp_path: Path, taken: int, free: int
) -> None:
    with pytest.raises(SettingsError, match="on which X-Ray would be served") as raised:
        require_free(settings(tmp_path, dagster=free, mlflow=free_port(), xray=taken))
    assert "MLP_XRAY_URL=" in raised.value.hint


def test_free_ports_are_those_of_the_settings(tmp_path: Path, free: int) -> None:
    another, third = free_port(), free_port()
    ports = require_free(settings(tmp_path, dagster=free, mlflow=another, xray=third))
    assert ports == {"dagster_port": free, "mlflow_port": another, "xray_port": third}


def test_one_port_is_not_free_for_both(tmp_path: Path, free: int) -> None:
    with pytest.raises(SettingsError, match=f"both be served on port {free}"):
        require_free(settings(tmp_path, dagster=free, mlflow=free))


def test_an_mlflow_that_is_a_server_is_not_served(tmp_path: Path, free: int) -> None:
    remote = Settings(
        home=tmp_path,
        dagster_url=f"http://127.0.0.1:{free}",
        mlflow_tracking_uri="http://mlflow.example:5000",
    )
    assert require_free(remote)["mlflow_port"] is None


def test_pages_on_another_machine_leave_the_usual_port(tmp_path: Path) -> None:
    remote = Settings(home=tmp_path, dagster_url="https://dagster.example/prod")
    assert (holder(3000) or holder(9729)) is not None or require_free(
        remote.model_copy(update={"mlflow_tracking_uri": "http://mlflow.example"})
    ) == {"dagster_port": 3000, "mlflow_port": None, "xray_port": 9729}


def test_the_holder_of_a_port_is_its_process(taken: int) -> None:
    assert "(process " in str(holder(taken))
