"""The main job of one day by the command line: interrupted, gone on with, looked at."""

import json
import time
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from ml_platform.clusters.local.inventory import local_clusters
from tests.support.commands import mlp
from tests.support.homes import MODEL, TRAINED_DAY, MainJob

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def instance(main_job: MainJob) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(main_job.home / "dagster"))


def materialized(instance: dg.DagsterInstance, stage: str) -> dict[str, Any]:
    """The metadata of a stage's newest materialization."""
    event = instance.get_latest_materialization_event(dg.AssetKey([MODEL, stage]))
    assert event is not None
    assert event.asset_materialization is not None
    return dict(event.asset_materialization.metadata)


def processes_of(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLP_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_version_can_be_trained_again_and_is_compared(main_job: MainJob) -> None:
    again = mlp(main_job.home, "model", "reproduce", MODEL, "--json")

    found = json.loads(again.out)
    assert again.code in {0, 1}
    assert found["reproduction"]["largest_difference"] < 0.1
    assert found["libraries"] == {}


def test_an_interrupt_says_so_and_what_is_next(main_job: MainJob) -> None:
    assert main_job.interrupted.code == 130
    assert "interrupted: nothing half is left" in main_job.interrupted.out
    assert "Traceback" not in main_job.interrupted.out


def test_the_same_command_goes_on_after_an_interrupt(main_job: MainJob) -> None:
    assert main_job.finished.code == 0, main_job.finished.err
    assert f"{MODEL} {TRAINED_DAY}: 1 day made" in main_job.finished.out
    # Features and training sets were there already.
    assert "features" not in main_job.finished.err


def test_no_half_written_file_is_left(main_job: MainJob) -> None:
    assert list(main_job.home.rglob("*.partial")) == []


def test_the_interrupted_run_does_not_look_as_if_it_ran(
    main_job: MainJob, instance: dg.DagsterInstance
) -> None:
    unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    assert instance.get_runs(filters=unfinished) == []


def test_progress_reaches_the_event_log(main_job: MainJob, instance: dg.DagsterInstance) -> None:
    event = instance.get_latest_materialization_event(dg.AssetKey([MODEL, "model"]))
    assert event is not None
    messages = [entry.user_message for entry in instance.all_logs(event.run_id)]
    assert any("epoch 0: train_loss" in message for message in messages)
    assert any(message.startswith("cluster: ") for message in messages)


def test_a_model_shows_its_learning_curve_and_its_mlflow_run(
    main_job: MainJob, instance: dg.DagsterInstance
) -> None:
    metadata = materialized(instance, "model")
    assert metadata["learning_curve"].value.startswith("![")
    assert metadata["mlflow_run"].value.startswith("http")
    assert metadata["training_rows"].value > 20_000
    days = [one.data["day"] for one in metadata["snapshots"].records]
    assert (len(days), days[-1]) == (28, TRAINED_DAY)


def test_an_evaluation_shows_calibration_and_rivals(
    main_job: MainJob, instance: dg.DagsterInstance
) -> None:
    metadata = materialized(instance, "evaluation")
    assert metadata["calibration"].value.startswith("![")
    assert "than" in metadata["gates"].value
    assert len(metadata["scores"].records) == 4


def test_a_champion_says_why_it_is(main_job: MainJob, instance: dg.DagsterInstance) -> None:
    metadata = materialized(instance, "champion")
    assert metadata["promoted"].value is True
    assert "every gate passed" in metadata["reason"].value


def test_running_it_again_makes_nothing_new(
    main_job: MainJob, instance: dg.DagsterInstance
) -> None:
    before = instance.get_runs_count()
    again = mlp(main_job.home, "backfill", MODEL, "--from", TRAINED_DAY, "--to", TRAINED_DAY)
    assert again.code == 0
    assert "1 of them before" in again.out
    assert instance.get_runs_count() == before


def test_from_a_champion_one_reads_what_it_was_made_from(main_job: MainJob) -> None:
    shown = json.loads(mlp(main_job.home, "model", "show", MODEL, "--json").out)

    request = shown["lineage"]["request"]
    assert len(request["snapshots"]) == 28
    assert shown["lineage"]["dbt_manifest_hash"]
    assert request["code_version"]
    assert request["training"]["parameters"]["learning_rate"] > 0
    assert request["training"]["seed"] == 20130101
    assert "torch" in shown["lineage"]["libraries"]
    assert request["cluster"]["workers"]["count"] == 2


def test_two_days_train_at_once(main_job: MainJob, instance: dg.DagsterInstance) -> None:
    days = ["2013-03-17", "2013-03-18"]
    options = ("--from", days[0], "--to", days[1], "--through", "model")
    made = mlp(main_job.home, "backfill", MODEL, *options, "--max-parallel", "2", "--here")

    assert made.code == 0, made.err
    first, second = (epochs_of(instance, day) for day in days)
    assert first[0] < second[-1]
    assert second[0] < first[-1]
    assert {one.name: one.limit for one in instance.event_log_storage.get_pool_limits()}["ray"] == 2


def epochs_of(instance: dg.DagsterInstance, day: str) -> list[float]:
    """When the epochs of a day's training were over."""
    [run] = instance.get_runs(filters=dg.RunsFilter(tags={"dagster/partition": day}))
    entries = instance.all_logs(run.run_id)
    return [one.timestamp for one in entries if one.user_message.startswith("epoch ")]


def test_no_process_is_left_after_the_idle_time_of_ray(main_job: MainJob) -> None:
    deadline = time.monotonic() + 60
    while local_clusters(main_job.home / "ray") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert local_clusters(main_job.home / "ray") == []
    assert processes_of(main_job.home) == []
