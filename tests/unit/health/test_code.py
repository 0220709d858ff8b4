"""What `mlp doctor` says of models and of the dbt project."""

from pathlib import Path

import pytest

from ml_platform.health.code import code
from ml_platform.health.look import Look
from ml_platform.model_folder.scaffold import FLIGHTS, scaffold
from ml_platform.settings import Settings


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("ltv", "churn"):
        scaffold(name, FLIGHTS, tmp_path / "models")
    return tmp_path / "models"


def looks_at(models: Path) -> dict[str, Look]:
    settings = Settings(home=models.parent, project_dir=models.parent / "no_project")
    return {one.name: one for one in code(settings, models)}


def test_a_model_that_is_well_says_what_it_trains_on(models: Path) -> None:
    look = looks_at(models)["model churn"]
    assert (look.state, look.value) == ("ok", "7 days of flight_features")


def test_a_broken_model_is_shown_with_place_and_cure_and_stops_nothing(models: Path) -> None:
    (models / "ltv" / "train.py").unlink()
    looks = looks_at(models)
    assert looks["model ltv"].state == "note"
    assert looks["model ltv"].value == "broken: train.py: is missing"
    assert "`mlp model check ltv` looks again" in looks["model ltv"].fix
    assert looks["model churn"].state == "ok"


def test_a_dbt_project_that_is_not_there_is_needed(models: Path) -> None:
    look = looks_at(models)["dbt project"]
    assert look.state == "no"
    assert "MLP_PROJECT_DIR" in look.fix


def test_what_dagster_refuses_of_a_model_is_shown_as_it_is_in_the_ui(models: Path) -> None:
    spec = models / "ltv" / "defs.yaml"
    spec.write_text(spec.read_text() + "  schedule: every morning\n")

    look = looks_at(models)["model ltv"]

    assert look.state == "note"
    assert "every morning" in look.value
