"""The registry on an MLflow server, by the setting alone: what one machine keeps, another finds."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from ml_platform.health.looks import examine
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.store import serves_store
from ml_platform.settings import Settings
from tests.support.lineages import evaluation, training
from tests.support.mlflow_server import mlflow_server

pytestmark = pytest.mark.integration

NAME = "prod.flight_delay"
NOON = datetime(2013, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def server(server_folder: Path) -> Iterator[str]:
    with mlflow_server(server_folder) as url:
        yield url


@pytest.fixture
def here(server: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "here", mlflow_tracking_uri=server)


@pytest.fixture
def elsewhere(server: str, tmp_path: Path) -> Settings:
    """Another machine: nothing of `here` is on its disk."""
    return Settings(home=tmp_path / "elsewhere", mlflow_tracking_uri=server)


def test_a_version_is_kept_evaluated_promoted_and_read_back(
    here: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    registry = Registry(here, now=lambda: NOON)
    given = training(tmp_path / "model")

    version = registry.register(NAME, given)
    registry.log_evaluation(version, evaluation(version), {"calibration": b"a picture"})
    registry.promote(version, "every gate passed")

    found = Registry(elsewhere)
    champion = found.champion(NAME)
    assert champion is not None
    assert (champion.version, champion.partition, champion.is_champion) == (1, "2013-03-14", True)
    assert champion.lineage == given.lineage
    assert champion.metrics["validation_loss"] == pytest.approx(0.4)
    assert champion.tags["promotion_reason"] == "every gate passed"
    assert found.evaluation(champion) == evaluation(version)
    kept = found.download(champion)
    assert kept.is_relative_to(elsewhere.home)
    assert (kept / "model.safetensors").read_bytes() == b"weights of 2013-03-14"
    assert (kept / "code" / "evaluate.py").is_file()


def test_the_same_inputs_are_one_version_whichever_machine_registers_them(
    here: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    name = "prod.the_same_inputs"
    first = Registry(here).register(name, training(tmp_path / "one"))
    again = Registry(elsewhere).register(name, training(tmp_path / "two"))
    assert again == first
    assert [one.version for one in Registry(here).versions(name)] == [1]


def test_links_lead_to_the_server(here: Settings, server: str, tmp_path: Path) -> None:
    registry = Registry(here)
    link = registry.run_url(registry.register("prod.links", training(tmp_path / "model")))
    assert link.startswith(f"{server}/#/experiments/")
    assert httpx.get(link).status_code == 200


def test_the_doctor_reaches_the_server(here: Settings, server: str) -> None:
    found = {one.name: one for one in examine(here)}["registry (MLflow)"]
    assert (found.state, found.value) == ("ok", server)


def test_our_own_pages_are_told_from_those_of_another_store(
    server: str, server_folder: Path, tmp_path: Path
) -> None:
    other = Settings(home=tmp_path / "other")
    Registry(other).names()

    assert serves_store(server, server_folder / "mlflow.db")
    assert not serves_store(server, other.home / "mlflow.db")
