"""What runs every night: first the data of the day that has ended, then each model that waits.

One job builds the features and training sets of all models, so that a table which ten models read
is built once. A model's own job follows when the days that it is evaluated on are there.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg

from ml_platform.partitions import days_of, last_complete_day
from ml_platform.settings import Settings
from ml_platform.stages import DAY_STAGES, FEATURES, STAGE_TAG, TABLE, asset_key

DATA_CRON: Final = "0 2 * * *"
RETRIES: Final = {"dagster/max_retries": "2"}


def build_data_nightly(settings: Settings) -> dg.Definitions:
    """The job and the schedule for features and training sets of yesterday."""
    daily = dg.AssetSelection.tag(STAGE_TAG, FEATURES)
    job = dg.define_asset_job(
        "data_nightly",
        # A table without days is whole of yesterday, unless it is built anew before what reads it.
        selection=daily
        | (daily.upstream() & dg.AssetSelection.tag(STAGE_TAG, TABLE))
        | dg.AssetSelection.tag(STAGE_TAG, "training_set"),
        description="Builds the features of one day, the tables that they are made from, and the "
        "training sets of all models.",
        tags=RETRIES,
    )

    @dg.schedule(
        name="data_nightly",
        job=job,
        cron_schedule=DATA_CRON,
        execution_timezone="UTC",
        default_status=schedule_status(settings),
        description="Features and training sets of the day that has just ended.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = _newest_day(context, settings).isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return dg.Definitions(jobs=[job], schedules=[schedule])


def build_model_nightly(
    model: str, *, holdout_days: int, cron: str, settings: Settings
) -> dg.Definitions:
    """The job and the schedule that train, evaluate and promote one model.

    A day is requested once, however often the schedule ticks: the run key is the partition.
    """
    training_set = asset_key(model, "training_set")
    job = dg.define_asset_job(
        f"{model}_nightly",
        selection=[asset_key(model, stage) for stage in DAY_STAGES],
        description=f"Trains {model} of one day, evaluates it and moves the champion.",
        tags=RETRIES,
    )

    @dg.schedule(
        name=f"{model}_nightly",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=schedule_status(settings),
        description=f"Trains {model} of the newest day that can be evaluated: "
        f"{days_of(holdout_days)} before the last training set. Waits while that is not there.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        last = _newest_day(context, settings)
        if last.isoformat() not in context.instance.get_materialized_partitions(training_set):
            return dg.SkipReason(
                f"waiting for {model}/training_set of {last}, on which the model is evaluated"
            )
        partition = (last - timedelta(days=holdout_days)).isoformat()
        return dg.RunRequest(run_key=partition, partition_key=partition)

    return dg.Definitions(jobs=[job], schedules=[schedule])


def _newest_day(context: dg.ScheduleEvaluationContext, settings: Settings) -> date:
    now = context.scheduled_execution_time or datetime.now(UTC)
    return last_complete_day(settings, now=now)


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """On in production; elsewhere somebody switches it on in the UI."""
    production = settings.environment == "prod"
    return dg.DefaultScheduleStatus.RUNNING if production else dg.DefaultScheduleStatus.STOPPED
