"""What is old in X-Ray's store goes every night: a job and its schedule."""

import time
from typing import Final

import dagster as dg
from pydantic import Field

from ml_platform.nightly import schedule_status
from ml_platform.settings import Settings
from ml_platform.xray.prune import DAY_S, YOUNGEST_S, prune
from ml_platform.xray.store import open_store

CRON: Final = "30 1 * * *"
"""Before the night's trainings begin."""
OLDER_THAN_DAYS: Final = 90


class PruneConfig(dg.Config):
    """What counts as old."""

    older_than_days: int = Field(
        default=OLDER_THAN_DAYS,
        ge=int(YOUNGEST_S / DAY_S),
        description="Attempts that ended so many days ago are forgotten; the storage keeps them.",
    )


def build_pruning(settings: Settings) -> dg.Definitions:
    """The job and the schedule by which X-Ray's store stays small."""

    @dg.op(
        name="forget_what_is_old",
        description="Forgets attempts that ended long ago, and thins the samples of those of more "
        "than a week ago; nothing in object storage is touched.",
    )
    def forget(context: dg.OpExecutionContext, config: PruneConfig) -> None:
        with open_store(settings) as store:
            found = prune(
                store,
                older_than_s=config.older_than_days * DAY_S,
                now_s=time.time(),
                dry_run=False,
            )
        context.log.info(
            f"forgot {len(found.attempts)} attempts, thinned the samples of {found.thinned}"
        )

    @dg.job(name="xray_prune", description="`mlp xray prune --yes`, in Dagster.")
    def job() -> None:
        forget()

    schedule = dg.ScheduleDefinition(
        name="xray_prune",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=schedule_status(settings),
        description="Forgets what is old in X-Ray's store.",
    )
    return dg.Definitions(jobs=[job], schedules=[schedule])
