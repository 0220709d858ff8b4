"""Who a training is for, as its claim has it: run, team and backfill, as Dagster says them."""

import dagster as dg
import pytest

from ml_platform.training.asset import _owner
from ml_platform.training.record import Owner

found: list[Owner] = []


@dg.asset
def trained(context: dg.AssetExecutionContext) -> None:
    """Stands for a model, whose component gives it its owners afterwards."""
    found.append(_owner(context))


def owner(owners: list[str], tags: dict[str, str] | None = None) -> Owner:
    owned = trained.map_asset_specs(lambda spec: spec.replace_attributes(owners=owners))
    found.clear()
    assert dg.materialize([owned], tags=tags).success
    return found[0]


@pytest.mark.parametrize(
    ("owners", "team"),
    [
        (["team:growth"], "growth"),
        (["ann@example.com", "team:growth", "team:risk"], "growth"),
        (["ann@example.com"], ""),
        ([], ""),
    ],
)
def test_the_first_owner_that_is_a_team_pays(owners: list[str], team: str) -> None:
    assert owner(owners).team == team


def test_a_run_of_a_backfill_names_it_and_another_names_none() -> None:
    assert owner([], tags={"dagster/backfill": "abcdefgh"}).backfill == "abcdefgh"
    assert owner([]).backfill == ""
