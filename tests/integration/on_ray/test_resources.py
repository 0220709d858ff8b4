"""All stages of a model on resources that a test hands in, in an environment that is all wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa  # noqa: TID253
import pytest

from ml_platform.clusters.presets import ClusterSection
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import InputError, SettingsError
from ml_platform.evaluation.asset import build_evaluation
from ml_platform.evaluation.spec import EvaluationSpec
from ml_platform.registry.asset import build_champion
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.resources import Resources, resources_from
from ml_platform.settings import Settings, load_settings
from ml_platform.storage import Folder
from ml_platform.training.asset import build_model
from ml_platform.training.plan import ModelPlan
from ml_platform.training.spec import TrainingSpec
from ml_platform.training_set.asset import build_training_set
from ml_platform.warehouse.interface import TableRef
from tests.support.flights import SPEC, day_of_flights
from tests.support.trainings import TROUBLED

pytestmark = [
    pytest.mark.integration,
    # What Dagster says of itself to who makes and runs assets outside a code location: that
    # `backfill_policy` and parts of Pipes are not final, and that Pipes asks for an old `run_id`.
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning"),
    pytest.mark.filterwarnings("ignore:.*AssetExecutionContext:DeprecationWarning"),
]

DAYS = ("2013-01-01", "2013-01-02", "2013-01-03")
TRAINED = DAYS[1]
PLAN = ModelPlan(
    name="troubled",
    folder=TROUBLED,
    features=SPEC,
    training=TrainingSpec(window_days=2, parameters={"epochs": 1}),
    cluster=ClusterSpec(),
)
# Whoever reads the settings is refused; whoever reads a variable by itself finds a wrong place.
WRONG = {
    "MLP_ENVIRONMENT": "nonsense",
    "MLP_HOME": "/proc/nowhere",
    "MLP_PROJECT_DIR": "/proc/nowhere",
    "MLP_WAREHOUSE": "bigquery",
    "MLP_DUCKDB_PATH": "/proc/nowhere/warehouse.duckdb",
    "MLP_STORAGE_URI": "file:///proc/nowhere",
    "MLP_MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "MLP_PARTITIONS_START": "2099-01-01",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("elsewhere"), sandbox="elsewhere")


@pytest.fixture(scope="module")
def resources(settings: Settings) -> Iterator[Resources]:
    """Resources of a home and a sandbox of their own, with three days of flights."""
    mine = resources_from(settings)
    days = [
        day_of_flights(n, rows=300).append_column(
            "partition_date", pa.array([date.fromisoformat(day)] * 300)
        )
        for n, day in enumerate(DAYS, start=1)
    ]
    with mine.warehouse.open() as warehouse:
        table = TableRef(mine.warehouse.feature_schema, SPEC.table)
        warehouse.load(table, pa.concat_tables(days).to_reader())
    yield mine
    mine.clusters.provisioner(PLAN.cluster).shutdown()


@pytest.fixture(scope="module")
def in_a_wrong_environment(resources: Resources) -> Iterator[None]:
    del resources  # made before, as a person makes theirs
    with pytest.MonkeyPatch.context() as environment:
        for name, value in WRONG.items():
            environment.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def trained(
    resources: Resources, settings: Settings, in_a_wrong_environment: None
) -> dg.ExecuteInProcessResult:
    """The run of model, evaluation and champion, after one of training sets for each day."""
    assets = [
        build_training_set(PLAN.name, PLAN.features, settings),
        build_model(PLAN, settings),
        build_evaluation(PLAN, EvaluationSpec(), settings),
        build_champion(PLAN, settings),
    ]
    with dg.DagsterInstance.ephemeral() as instance:
        for day in DAYS:
            _materialize(assets, ["training_set"], day, resources, instance)
        stages = ["model", "evaluation", "champion"]
        return _materialize(assets, stages, TRAINED, resources, instance)


def _materialize(
    assets: Sequence[dg.AssetsDefinition],
    stages: Sequence[str],
    day: str,
    resources: Resources,
    instance: dg.DagsterInstance,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        selection=[dg.AssetKey([PLAN.name, stage]) for stage in stages],
        partition_key=day,
        instance=instance,
        resources=resources.by_key(),
    )


def test_the_environment_is_one_in_which_nobody_can_read_the_settings(
    in_a_wrong_environment: None,
) -> None:
    with pytest.raises(SettingsError):
        load_settings()


def test_all_stages_run_on_the_resources_that_they_are_given(
    trained: dg.ExecuteInProcessResult,
) -> None:
    assert trained.success


def test_snapshots_and_trainings_are_in_the_storage_that_was_given(
    trained: dg.ExecuteInProcessResult, settings: Settings
) -> None:
    assert trained.success
    root = f"file://{settings.home}/storage/local_elsewhere"
    assert TRAINED in Folder(f"{root}/trainings/{PLAN.name}").names()


def test_the_champion_is_in_the_registry_and_namespace_that_were_given(
    trained: dg.ExecuteInProcessResult, settings: Settings
) -> None:
    champion = Registry(settings).champion("local_elsewhere.troubled")

    assert champion is not None
    assert champion.partition == TRAINED


def test_ray_ran_in_the_folder_that_was_given(
    trained: dg.ExecuteInProcessResult, resources: Resources
) -> None:
    assert list(Path(resources.clusters.local_folder).iterdir()) != []


def test_a_preset_that_the_environment_lacks_fails_the_run_before_there_is_a_training(
    trained: dg.ExecuteInProcessResult, resources: Resources, settings: Settings
) -> None:
    elsewhere = replace(PLAN, name="elsewhere", cluster=ClusterSection(preset="a100x8"))
    sets = build_training_set(elsewhere.name, elsewhere.features, settings)
    model = build_model(elsewhere, settings)
    by_key = resources.by_key()
    with dg.DagsterInstance.ephemeral() as instance:
        for day in DAYS:
            made = dg.materialize([sets], partition_key=day, instance=instance, resources=by_key)
            assert made.success
        with pytest.raises(InputError, match="local_elsewhere has no preset a100x8"):
            dg.materialize([model], partition_key=TRAINED, instance=instance, resources=by_key)

    assert Folder(f"{resources.storage.root}/trainings/{elsewhere.name}").names() == []


def test_a_model_says_on_what_it_was_trained(trained: dg.ExecuteInProcessResult) -> None:
    (made,) = trained.asset_materializations_for_node(f"{PLAN.name}__model")
    assert made.metadata["cluster"].value == "local; head 1 CPU, 4Gi; workers 1 × 1 CPU, 4Gi"
