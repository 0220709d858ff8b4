"""Work is handed to our own Dagster only."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml_platform.backfill.server_identity import why_stranger
from ml_platform.component import PLACE
from ml_platform.place import Place, place_of
from ml_platform.settings import Settings


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_of(Settings(home=tmp_path))


def answer(place: Place | None, location: str = "ml_platform") -> dict[str, Any]:
    """What a server says of a model's training set."""
    entries = [] if place is None else [{"label": PLACE, "jsonString": json.dumps(place.as_dict())}]
    node = {"repository": {"location": {"name": location}}, "metadataEntries": entries}
    return {"assetNodes": [node]}


def stranger(answer: dict[str, Any], place: Place, *, same_runs: bool = True) -> str:
    return why_stranger(answer, place, models=["ltv"], same_runs=same_runs)


def test_a_server_of_the_same_place_and_runs_is_ours(place: Place) -> None:
    assert stranger(answer(place), place) == ""


def test_a_server_of_another_home_is_named_with_its_warehouse(place: Place) -> None:
    theirs = place_of(Settings(home=Path("/another/checkout/.mlp")))
    assert "warehouse /another/checkout/.mlp/warehouse.duckdb" in stranger(answer(theirs), place)


def test_a_server_of_another_namespace_is_a_stranger(place: Place, tmp_path: Path) -> None:
    theirs = place_of(Settings(home=tmp_path, sandbox="mine"))
    assert "namespace local_mine" in stranger(answer(theirs), place)


def test_a_server_of_another_project_is_a_stranger(place: Place) -> None:
    said = stranger(answer(place, location="shop"), place)
    assert said == "it has no ltv in a code location ml_platform, but in shop"


def test_a_server_that_has_not_loaded_the_model_is_a_stranger(place: Place) -> None:
    assert "it has no ltv in" in stranger({"assetNodes": []}, place)


def test_a_server_that_does_not_say_its_place_is_a_stranger(place: Place) -> None:
    assert "older code" in stranger(answer(None), place)


def test_a_server_with_another_dagster_home_is_a_stranger(place: Place) -> None:
    assert "other runs" in stranger(answer(place), place, same_runs=False)
