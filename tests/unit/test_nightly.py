from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from ml_platform.features.assets import build_dbt_assets
from ml_platform.nightly import build_data_nightly, build_model_nightly
from ml_platform.resources import resources_from
from ml_platform.settings import Settings
from tests.support.nodes import node, project

NIGHT = datetime(2026, 3, 2, 3, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def test_the_data_of_yesterday_is_built_at_night(instance: dg.DagsterInstance) -> None:
    asked = _tick(build_data_nightly(Settings(environment="prod")), instance)

    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == "2026-03-01"


def test_tables_that_features_are_made_from_are_built_too() -> None:
    made = project(
        node("day_table", parents=("model.p.lookup", "model.p.a_view")),
        node("lookup", event_day="", materialized="table"),
        node("a_view", event_day="", materialized="view"),
        node("report", event_day="", materialized="table", parents=("model.p.day_table",)),
    )
    settings = Settings()
    assets = dg.Definitions(
        assets=[build_dbt_assets(made, settings)], resources=resources_from(settings).by_key()
    )
    definitions = dg.Definitions.merge(assets, build_data_nightly(settings))
    keys = definitions.resolve_job_def("data_nightly").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in keys} == {"day_table", "lookup"}


def test_a_day_is_requested_once_however_often_the_schedule_ticks(
    instance: dg.DagsterInstance,
) -> None:
    asked = _tick(build_data_nightly(Settings(environment="prod")), instance)

    assert isinstance(asked, dg.RunRequest)
    assert asked.run_key == asked.partition_key


def test_a_model_waits_for_the_day_that_it_is_evaluated_on(instance: dg.DagsterInstance) -> None:
    asked = _tick(_model_nightly(), instance)

    assert isinstance(asked, dg.SkipReason)
    assert "waiting for ltv/training_set of 2026-03-01" in str(asked.skip_message)


def test_a_model_is_trained_on_the_day_before_its_held_out_days(
    instance: dg.DagsterInstance,
) -> None:
    made = dg.AssetMaterialization(dg.AssetKey(["ltv", "training_set"]), partition="2026-03-01")
    instance.report_runless_asset_event(made)

    asked = _tick(_model_nightly(), instance)

    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key == "2026-02-27"


def test_schedules_run_by_themselves_in_production_only() -> None:
    prod, local = (
        _only_schedule(build_data_nightly(Settings(environment=name))) for name in ("prod", "local")
    )

    assert prod.default_status is dg.DefaultScheduleStatus.RUNNING
    assert local.default_status is dg.DefaultScheduleStatus.STOPPED


def _model_nightly() -> dg.Definitions:
    return build_model_nightly(
        "ltv", holdout_days=2, cron="0 3 * * *", settings=Settings(environment="prod")
    )


def _only_schedule(definitions: dg.Definitions) -> dg.ScheduleDefinition:
    (schedule,) = definitions.schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    return schedule


def _tick(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=NIGHT)
    said = _only_schedule(definitions)(context)
    assert isinstance(said, dg.RunRequest | dg.SkipReason)
    return said
