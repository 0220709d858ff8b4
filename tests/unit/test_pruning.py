"""The nightly prune of X-Ray's store, run as Dagster runs it."""

import time
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from ml_platform.pruning import build_pruning
from ml_platform.settings import Settings
from ml_platform.xray.gather import gather
from ml_platform.xray.store import open_store
from tests.support.xray import DAY_S, Training


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A store with an attempt of 100 days ago, one of a month ago, and one of today."""
    settings = Settings(home=tmp_path)
    for partition, days in (("2013-03-14", 100), ("2013-03-15", 30), ("2013-03-16", 0.1)):
        training = Training(storage_root=settings.storage_root, partition=partition)
        training.train(at_s=time.time() - days * DAY_S)
    with open_store(settings) as store:
        gather(store, settings.storage_root)
    return settings


def prune(settings: Settings, **config: int) -> list[str]:
    """Partitions of which there is an attempt after a night."""
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_pruning(settings).resolve_job_def("xray_prune")
        run_config = {"ops": {"forget_what_is_old": {"config": config}}}
        assert job.execute_in_process(instance=instance, run_config=run_config).success
    with open_store(settings) as store:
        return [one.partition for one in store.attempts(limit=10)]


def test_attempts_of_more_than_90_days_ago_are_forgotten(settings: Settings) -> None:
    assert prune(settings) == ["2013-03-16", "2013-03-15"]


def test_it_may_be_told_what_is_old(settings: Settings) -> None:
    assert prune(settings, older_than_days=20) == ["2013-03-16"]


def test_it_refuses_to_forget_the_last_week(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="older_than_days"):
        prune(settings, older_than_days=6)


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ("prod", dg.DefaultScheduleStatus.RUNNING),
        ("local", dg.DefaultScheduleStatus.STOPPED),
    ],
)
def test_it_runs_by_itself_in_production_only(
    environment: str, status: dg.DefaultScheduleStatus
) -> None:
    (schedule,) = build_pruning(Settings(environment=environment)).schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.default_status is status
