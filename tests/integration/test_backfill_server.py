"""`mlp backfill --server`: a fortnight handed to a running Dagster, which orders the runs."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.support.commands import mlp
from tests.support.dagster_server import DAGSTER_DEV, DagsterServer, dagster_server
from tests.support.dbt_runs import copy_of_home
from tests.support.homes import MODEL, dagster_of

pytestmark = pytest.mark.integration

DAYS = [f"2013-03-{day:02}" for day in range(1, 15)]
AT_ONCE = 3
RAW = ("flights", "weather", "planes", "airports")
SOURCES = [dg.AssetKey(["raw", name]) for name in RAW]
SOURCES += [dg.AssetKey(f"stg_{name}") for name in RAW]
FINISHED_WITHIN_S = 400
STATUS = """
query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status error { message } }
    ... on Error { message }
  }
}
"""


@pytest.fixture(scope="module")
def server(raw_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterServer]:
    folder = tmp_path_factory.mktemp("backfill_server")
    home = copy_of_home(raw_home, folder / "home")
    tell_of_sources(home)
    with dagster_server(home, folder / "server.log", command=DAGSTER_DEV) as running:
        yield running


@pytest.fixture(scope="module")
def backfill_id(server: DagsterServer) -> str:
    """A backfill of the fortnight through the training sets, which has ended."""
    days = ("--from", DAYS[0], "--to", DAYS[-1], "--through", "training_set")
    options = ("--max-parallel", str(AT_ONCE), "--server", "--json")
    said = mlp(server.home, "backfill", MODEL, *days, *options, MLP_DAGSTER_URL=server.url)
    assert said.code == 0, said.err
    launched = json.loads(said.out)
    assert launched["url"].startswith(server.url)
    wait_for_success(server, launched["backfill_id"])
    return str(launched["backfill_id"])


@pytest.fixture(scope="module")
def instance(server: DagsterServer) -> Iterator[dg.DagsterInstance]:
    with dagster_of(server.home) as opened:
        yield opened


def tell_of_sources(home: Path) -> None:
    """Record the tables that the home has already, so that nothing but days is missing."""
    with dagster_of(home) as instance:
        for key in SOURCES:
            instance.report_runless_asset_event(dg.AssetMaterialization(key))


def wait_for_success(server: DagsterServer, backfill_id: str) -> None:
    deadline = time.monotonic() + FINISHED_WITHIN_S
    found: dict[str, Any] = {}
    while time.monotonic() < deadline and found.get("status") not in ("COMPLETED_SUCCESS",):
        found = server.ask(STATUS, id=backfill_id)["partitionBackfillOrError"]
        if found.get("status") in ("COMPLETED_FAILED", "FAILED", "CANCELED"):
            break
        time.sleep(1)
    assert found.get("status") == "COMPLETED_SUCCESS", f"{found}\n{server.end_of_log()}"


def starts_of_step(instance: dg.DagsterInstance, backfill_id: str, step: str) -> list[str]:
    """The runs of the backfill that started a step, once for each start."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
    return [
        run.run_id
        for run in runs
        for record in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
        if record.step_key == step
    ]


def test_dbt_builds_the_features_of_all_days_at_once(
    instance: dg.DagsterInstance, backfill_id: str
) -> None:
    features = instance.get_materialized_partitions(dg.AssetKey("flight_features"))

    assert sorted(features) == DAYS
    assert len(starts_of_step(instance, backfill_id, "features")) == 1


def test_the_training_sets_of_all_days_are_one_run(
    instance: dg.DagsterInstance, backfill_id: str
) -> None:
    training_sets = instance.get_materialized_partitions(dg.AssetKey([MODEL, "training_set"]))

    assert sorted(training_sets) == DAYS
    assert len(starts_of_step(instance, backfill_id, f"{MODEL}__training_set")) == 1


def test_a_server_of_another_home_is_given_nothing(
    server: DagsterServer, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    command = ("backfill", MODEL, "--from", DAYS[0], "--to", DAYS[0], "--server")
    runs = instance.get_runs_count()

    refused = mlp(tmp_path / "other_home", *command, MLP_DAGSTER_URL=server.url)

    assert refused.code == 1
    assert f"not of this installation: it has warehouse {server.home}" in refused.err
    assert instance.get_runs_count() == runs


def test_max_parallel_becomes_the_limit_of_the_pool(
    instance: dg.DagsterInstance, backfill_id: str
) -> None:
    pools = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}

    assert pools["ray"] == AT_ONCE
