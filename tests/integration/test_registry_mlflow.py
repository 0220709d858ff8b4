"""The registry on a real MLflow: embedded sqlite and a folder."""

import multiprocessing
import socket
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_platform.errors import RegistryError
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.store import embedded_file, embedded_models
from ml_platform.settings import Settings
from tests.support.lineages import evaluation, training

pytestmark = pytest.mark.integration

NAME = "local.flight_delay"
NOON = datetime(2013, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    # Addresses are made of its path: of the database, and of the files.
    return Settings(home=tmp_path_factory.mktemp("above") / "ho me 100%")


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Registry:
    return Registry(settings, now=lambda: NOON)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A registered name of the test's own, in the store that all share."""
    return f"local.{request.node.name}"


def test_a_training_becomes_a_version_with_lineage_curve_and_files(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    given = training(tmp_path / "model")
    found = registry.register(name, given)
    assert (found.name, found.version, found.partition) == (name, 1, "2013-03-14")
    assert found.lineage == given.lineage
    assert found.metrics == {"validation_loss": pytest.approx(0.4)}
    assert found.created_at.tzinfo is UTC
    assert not found.is_champion
    kept = registry.download(found)
    assert (kept / "model.safetensors").read_bytes() == b"weights of 2013-03-14"
    assert (kept / "code" / "evaluate.py").is_file()


def test_the_run_has_every_epoch_and_the_parameters(
    registry: Registry, settings: Settings, name: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    found = registry.register(name, training(tmp_path / "model"))
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    curve = client.get_metric_history(found.run_id, "validation_loss")
    run = client.get_run(found.run_id)
    assert [(one.step, one.value) for one in curve] == [
        (0, pytest.approx(0.6)),
        (1, pytest.approx(0.5)),
        (2, pytest.approx(0.4)),
    ]
    assert run.data.params["parameters.learning_rate"] == "0.01"
    assert run.data.params["seed"] == "5"
    assert run.info.status == "FINISHED"
    assert registry.run_url(found).endswith(
        f"/#/experiments/{run.info.experiment_id}/runs/{found.run_id}"
    )


def test_the_same_inputs_are_one_version_however_often_they_are_registered(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    first = registry.register(name, training(tmp_path / "model"))
    again = registry.register(name, training(tmp_path / "model"))
    other = registry.register(name, training(tmp_path / "model", retrain="again"))
    assert again == first
    assert other.version == 2
    assert [one.version for one in registry.versions(name)] == [2, 1]


def test_the_champion_moves_with_its_reason_and_remembers_who_was_before(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    first = registry.register(name, training(tmp_path / "a"))
    second = registry.register(name, training(tmp_path / "b", "2013-03-15"))
    assert registry.champion(name) is None
    assert registry.promote(first, "every gate passed").is_champion
    promoted = registry.promote(second, "better")
    assert registry.champion(name) == promoted
    assert promoted.version == 2
    assert promoted.tags["promotion_reason"] == "better"
    assert promoted.tags["previous_champion"] == "1"
    assert promoted.tags["promoted_at"] == "2013-03-15T12:00:00+00:00"
    assert not registry.get(name, 1).is_champion


def test_promoting_the_champion_again_keeps_its_first_reason(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    version = registry.register(name, training(tmp_path / "a"))
    registry.promote(version, "first")
    assert registry.promote(version, "second").tags["promotion_reason"] == "first"


def test_a_champion_that_is_evaluated_again_meets_the_one_before(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    first = registry.register(name, training(tmp_path / "a"))
    second = registry.register(name, training(tmp_path / "b", "2013-03-15"))
    assert registry.opponent(first) is None
    first = registry.promote(first, "")
    assert registry.opponent(first) is None
    assert registry.opponent(second) == first
    opponent = registry.opponent(registry.promote(second, ""))
    assert opponent is not None
    assert opponent.version == first.version


def test_an_evaluation_is_kept_with_metrics_and_pictures_and_the_last_one_wins(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    version = registry.register(name, training(tmp_path / "a"))
    assert registry.evaluation(version) is None
    registry.log_evaluation(version, evaluation(version), {"calibration": b"a picture"})
    evaluated = registry.get(name, 1)
    assert registry.evaluation(evaluated) == evaluation(version)
    assert evaluated.metrics["holdout_roc_auc"] == 0.75
    assert evaluated.tags["gates"] == "passed"
    later = evaluation(version).model_copy(update={"holdout": ("2013-03-16",)})
    registry.log_evaluation(version, later, {})
    assert registry.evaluation(evaluated) == later


def test_the_newest_version_of_a_partition_is_found(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    registry.register(name, training(tmp_path / "a"))
    again = registry.register(name, training(tmp_path / "a", retrain="again"))
    registry.register(name, training(tmp_path / "b", "2013-03-15"))
    assert registry.newest(name, "2013-03-14") == again
    assert registry.newest(name, "2013-01-01") is None


def test_every_registered_name_is_listed(registry: Registry, name: str, tmp_path: Path) -> None:
    registry.register(name, training(tmp_path / "a"))
    assert name in registry.names()


def test_an_embedded_store_is_counted_without_mlflow(
    registry: Registry, settings: Settings, name: str, tmp_path: Path
) -> None:
    registry.register(name, training(tmp_path / "a"))
    file = embedded_file(settings)
    assert file is not None
    assert embedded_models(file) == len(registry.names())


def test_a_name_that_nobody_registered_has_no_versions_and_no_champion(
    registry: Registry, name: str
) -> None:
    assert registry.versions(name) == []
    assert registry.champion(name) is None


def test_a_version_that_is_not_there_is_an_error_with_those_that_are(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    registry.register(name, training(tmp_path / "a"))
    with pytest.raises(RegistryError, match=f"{name} has no version 7; it has 1"):
        registry.get(name, 7)


def test_an_upload_that_fails_leaves_no_version_and_no_run(
    registry: Registry, settings: Settings, name: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    given = training(tmp_path / "a")
    (tmp_path / "a" / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RegistryError, match=f"could not register a version of {name}"):
        registry.register(name, given)
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    experiment = client.get_experiment_by_name(name)
    assert registry.versions(name) == []
    assert experiment is not None
    assert list(client.search_runs([experiment.experiment_id])) == []


def test_files_that_are_gone_are_an_error_that_names_the_folder(
    registry: Registry, name: str, tmp_path: Path
) -> None:
    version = registry.register(name, training(tmp_path / "a"))
    folder = registry.download(version)
    folder.rename(folder.with_name("moved"))
    with pytest.raises(RegistryError, match=f"there is no folder {folder}"):
        registry.download(version)


def register_in_a_process(home: Path, folder: Path) -> int:
    return Registry(Settings(home=home)).register(NAME, training(folder)).version


def test_two_processes_that_create_the_store_and_the_version_at_once_agree(tmp_path: Path) -> None:
    # Not `Pool`, which ends its processes by SIGTERM: in a background shell Dagster ignores it.
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        folders = [tmp_path / "one", tmp_path / "two"]
        versions = list(pool.map(register_in_a_process, [tmp_path / "home"] * 2, folders))
    assert versions == [1, 1]
    assert len(Registry(Settings(home=tmp_path / "home")).versions(NAME)) == 1


def test_creating_the_store_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Registry(Settings(home=tmp_path)).names() == []
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine on which nothing listens, held so that nothing will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_server_that_does_not_answer_is_named_at_once(tmp_path: Path, closed_port: int) -> None:
    uri = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(RegistryError, match=f"the MLflow server {uri} does not answer"):
        Registry(Settings(home=tmp_path, mlflow_tracking_uri=uri)).names()
