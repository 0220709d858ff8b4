"""What the trainings of a backfill are expected to cost and take."""

from dataclasses import asdict
from pathlib import Path

import pytest

from ml_platform.backfill.expected import ExpectedPlan, expected_of
from ml_platform.backfill.plan import Chain, Plan, plan_backfill
from ml_platform.cli.backfill import in_words
from ml_platform.model_folder.read import ModelFolder, read_folder
from ml_platform.model_folder.scaffold import FLIGHTS, scaffold
from ml_platform.settings import Settings
from ml_platform.stages import Stage
from tests.support.xray import AT_S, Training

CHAIN = Chain(
    model="flight_delay", window_days=2, holdout_days=1, sources=(), features=("features",)
)
DAYS = ("2013-03-01", "2013-03-02", "2013-03-03")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", provisioner="ephemeral", price_cpu_hour=1.0)


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    scaffold("flight_delay", FLIGHTS, tmp_path / "models")
    found = read_folder(tmp_path / "models" / "flight_delay")
    assert isinstance(found, ModelFolder)
    return found


def planned(through: Stage = "champion") -> Plan:
    return plan_backfill(CHAIN, DAYS, there={}, through=through)


def test_each_training_takes_and_costs_as_those_before(
    settings: Settings, model: ModelFolder
) -> None:
    training = Training(storage_root=settings.storage_root)
    training.train(1, at_s=AT_S)
    expected = expected_of(planned(), model, settings).expected
    each = training.cluster.cpus * 630 / 3600
    assert (expected.trainings, expected.seconds) == (3, 3 * 690.0)
    assert expected.cost == pytest.approx(3 * each)
    told = in_words(expected)
    assert told.startswith(f"3 trainings: 34:30 min one after another, cost {3 * each:.2f}; as the")


def test_the_plan_itself_is_the_same(settings: Settings, model: ModelFolder) -> None:
    plan = planned()
    found = expected_of(plan, model, settings)
    assert isinstance(found, ExpectedPlan)
    assert {name: one for name, one in asdict(found).items() if name != "expected"} == asdict(plan)


def test_without_an_earlier_training_that_is_said(settings: Settings, model: ModelFolder) -> None:
    told = in_words(expected_of(planned(), model, settings).expected)
    assert told.endswith("is not known: no earlier training of this model to judge by")


def test_an_xray_that_is_away_is_said_and_the_plan_is_there(
    settings: Settings, model: ModelFolder
) -> None:
    away = settings.model_copy(update={"xray_uri": "postgresql://127.0.0.1:1/xray"})
    told = in_words(expected_of(planned(), model, away).expected)
    assert "is not known: X-Ray's database postgresql://127.0.0.1:1/xray fails" in told


def test_what_trains_nothing_costs_no_training(settings: Settings, model: ModelFolder) -> None:
    expected = expected_of(planned("training_set"), model, settings).expected
    assert (expected.trainings, expected.cost) == (0, 0.0)
    assert not (settings.home / "xray").exists()
