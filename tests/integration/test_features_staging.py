"""What a build of `staging` has made is looked at, as features are."""

from pathlib import Path
from typing import Any, Final

import pytest

from ml_platform.errors import FeatureBuildError
from ml_platform.features.project import prepared_manifest
from tests.support.dbt_runs import built_by_dagster, project_of, settings_of

pytestmark = pytest.mark.integration

LOOSE: Final = "contract={'enforced': false}"
MODELS: Final = {
    "staging/shops.sql": f"{{{{ config({LOOSE}) }}}} select 1 as n",
    "staging/orders.sql": f"{{{{ config(materialized='table', {LOOSE}) }}}} select 1 as n",
    "staging/refunds.sql": f"{{{{ config(materialized='table', {LOOSE}) }}}} "
    "select 1 as n where false",
    "staging/fleeting.sql": f"{{{{ config(post_hook='drop view {{{{ this }}}}', {LOOSE}) }}}} "
    "select 1 as n",
}


def test_a_view_that_is_gone_fails_the_step_and_an_empty_table_is_told(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path / "home", project_dir=project_of(tmp_path / "dbt", MODELS))
    result = built_by_dagster(settings)
    events = result.asset_materializations_for_node("features")
    made = {event.asset_key.to_user_string(): event.metadata for event in events}
    assert set(made) == {"shops", "orders", "refunds"}
    assert made["refunds"]["dagster/row_count"].value == 0
    assert made["orders"]["dagster/row_count"].value == 1
    assert "dagster/row_count" not in made["shops"]
    [failure] = result.get_step_failure_events()
    error: Any = failure.step_failure_data.error
    assert error.cause.cls_name == FeatureBuildError.__name__
    assert "refunds" not in error.cause.message
    assert "fleeting: wanted the view ml_local.fleeting, found none" in error.cause.message


def test_a_project_may_be_named_from_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_of(tmp_path / "shop", {"staging/shops.sql": MODELS["staging/shops.sql"]})
    monkeypatch.chdir(tmp_path)
    assert prepared_manifest(settings_of(tmp_path / "home", project_dir=Path("shop"))).is_file()
