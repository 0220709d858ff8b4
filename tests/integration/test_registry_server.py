"""The registry on an MLflow server, by the setting alone: what one machine keeps, another finds."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import httpx
import pytest

from ml_platform.errors import SettingsError
from ml_platform.health.looks import examine
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.owner import open_registry
from ml_platform.registry.store import serves_store
from ml_platform.resources import resources_from
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
def here(server: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Settings:
    """One machine of the installation that comes first."""
    return Settings(
        home=tmp_path / "here", mlflow_tracking_uri=server, duckdb_path=warehouse(tmp_path_factory)
    )


@pytest.fixture
def elsewhere(server: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Settings:
    """Another machine of it: of what `here` keeps on its disk, it sees the warehouse alone."""
    return Settings(
        home=tmp_path / "elsewhere",
        mlflow_tracking_uri=server,
        duckdb_path=warehouse(tmp_path_factory),
    )


def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that both machines have, on a disk that they share."""
    return tmp_path_factory.getbasetemp() / "shared" / "warehouse.duckdb"


@pytest.fixture
def stranger(server: str, tmp_path: Path) -> Settings:
    """Another installation, with a warehouse of its own."""
    return Settings(home=tmp_path / "stranger", mlflow_tracking_uri=server)


def test_a_version_is_kept_evaluated_promoted_and_read_back(
    here: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    open_registry(here).names()
    registry = Registry(here, now=lambda: NOON)
    given = training(tmp_path / "model")

    version = registry.register(NAME, given)
    registry.log_evaluation(version, evaluation(version), {"calibration": b"a picture"})
    registry.promote(version, "every gate passed")

    found = open_registry(elsewhere)
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
    first = open_registry(here).register(name, training(tmp_path / "one"))
    again = open_registry(elsewhere).register(name, training(tmp_path / "two"))
    assert again == first
    assert [one.version for one in open_registry(here).versions(name)] == [1]


def test_links_lead_to_the_server(here: Settings, server: str, tmp_path: Path) -> None:
    registry = open_registry(here)
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


def test_a_namespace_is_that_of_the_first_installation(
    here: Settings, elsewhere: Settings, stranger: Settings, tmp_path: Path
) -> None:
    open_registry(here).register("local.taken", training(tmp_path / "model"))
    assert open_registry(elsewhere).names() == open_registry(here).names()

    with pytest.raises(SettingsError) as raised:
        open_registry(stranger).champion("local.taken")

    assert str(here.duckdb_file) in raised.value.message
    assert str(stranger.duckdb_file) in raised.value.message
    assert "MLP_SANDBOX" in raised.value.hint
    sandbox = stranger.model_copy(update={"sandbox": "mine"})
    assert open_registry(sandbox).champion("local_mine.taken") is None


def test_no_run_begins_on_the_models_of_another_installation(
    here: Settings, stranger: Settings
) -> None:
    open_registry(here).names()
    theirs = resources_from(stranger).registry.create_resource(dg.build_init_resource_context())
    with pytest.raises(SettingsError, match="those of another installation"):
        theirs.versions.names()


def test_the_doctor_names_whose_the_models_are(here: Settings, stranger: Settings) -> None:
    open_registry(here).names()
    found = {one.name: one for one in examine(stranger)}["registry (MLflow)"]
    assert found.state == "no"
    assert str(here.duckdb_file) in found.value


def test_a_namespace_that_was_given_up_is_that_of_the_next(
    server: str, here: Settings, stranger: Settings
) -> None:
    given_up, next_one = (
        one.model_copy(update={"sandbox": "given_up"}) for one in (here, stranger)
    )
    from mlflow import MlflowClient

    open_registry(given_up).names()
    client = MlflowClient(server, server)
    client.delete_experiment(client.get_experiment_by_name("local_given_up").experiment_id)

    open_registry(next_one).names()

    with pytest.raises(SettingsError, match="those of another installation"):
        open_registry(given_up).names()
