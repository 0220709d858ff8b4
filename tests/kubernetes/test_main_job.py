"""The example's asset trains on Kubernetes: only the environment of its process says so.

A backfill of three days outlives the death of its code server; `MLP_BACKFILL_DAYS=10`, of ten.
"""

import os
from collections.abc import Iterator

import pytest

from ml_platform.clusters.kuberay.seen import uid_of
from ml_platform.storage import Folder
from tests.kubernetes.dagster_on_kubernetes import DagsterOnKubernetes, dagster_on_kubernetes
from tests.kubernetes.faults.pods import delete_pod, evict_pod
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import STORAGE, LightClusters, light_clusters
from tests.kubernetes.main_jobs import MODEL, OnKubernetes, on_kubernetes
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.head import EPOCHS
from tests.support.gcs_double import in_this_process
from tests.support.postgres import NotInstalledError

pytestmark = [pytest.mark.kubernetes, pytest.mark.two_cores]

DELETED, OUTSIDE, INSIDE, STARTING, RUNNING, LOST = (f"2013-03-{day}" for day in range(15, 21))
BACKFILL = [f"2013-03-{21 + day}" for day in range(int(os.environ.get("MLP_BACKFILL_DAYS", "3")))]
RAN_WITHIN_S = 240
STARTED_WITHIN_S = 120
GONE_WITHIN_S = 30
# From the evidence 5 s, and some to ask Dagster about it.
NAMED_WITHIN_S = 8
ENDED = ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED")
ONCE = [f"1-{epoch}" for epoch in range(EPOCHS)]


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "main-job") as light, in_this_process(STORAGE):
        yield light


@pytest.fixture(scope="module")
def world(light: LightClusters, tmp_path_factory: pytest.TempPathFactory) -> OnKubernetes:
    """A home whose models train on the stand-in for Ray, with training sets of all days here."""
    home = tmp_path_factory.mktemp("main_job") / "home"
    world = on_kubernetes(home, light, light.values())
    world.write_training_sets([DELETED, OUTSIDE, INSIDE, STARTING, RUNNING, LOST, *BACKFILL])
    return world


@pytest.fixture(scope="module")
def dagster(world: OnKubernetes) -> Iterator[DagsterOnKubernetes]:
    try:
        with dagster_on_kubernetes(world) as dagster:
            yield dagster
    except NotInstalledError as reason:
        pytest.skip(str(reason))


@pytest.fixture(autouse=True)
def nothing_is_left(light: LightClusters) -> Iterator[None]:
    yield
    until("end of all clusters", lambda: not light.left(), timeout_s=GONE_WITHIN_S)


def trained(world: OnKubernetes, day: str) -> list[str]:
    """What each of the stand-in's drivers has trained, as `<attempt>-<epoch>`."""
    marks = (one.split("-") for one in world.training(day).folder.names("trained"))
    return sorted(f"{attempt}-{epoch}" for attempt, _, epoch in marks)


def held(world: OnKubernetes, day: str) -> Folder:
    """The day's training goes on without end while its folder has an object `hold`."""
    folder = world.training(day).folder
    folder.create("hold", b"")
    return folder


def assert_each_epoch_once(marks: list[str]) -> None:
    """A driver may die between an epoch's checkpoint and its mark; none is trained twice."""
    epochs = sorted(int(one.split("-")[1]) for one in marks)
    assert len(epochs) == len(set(epochs)) >= EPOCHS - 1
    assert epochs[-1] == EPOCHS - 1


def test_the_asset_trains_with_its_step_outside_of_the_cluster(world: OnKubernetes) -> None:
    done = world.materialize(OUTSIDE)

    assert done.code == 0, done.err
    assert trained(world, OUTSIDE) == ONCE
    assert f"{MODEL} model" in done.err


def test_the_asset_trains_on_a_real_ray_with_its_step_in_a_pod_of_the_run_launcher(
    dagster: DagsterOnKubernetes, world: OnKubernetes, light: LightClusters
) -> None:
    with_ray = on_kubernetes(world.home, light, light.real_ray_values())
    try:
        run = dagster.launch(INSIDE)
        assert dagster.wait(run, within_s=RAN_WITHIN_S) == "SUCCESS", dagster.story(run)
    finally:
        on_kubernetes(with_ray.home, light, light.values())

    result = world.training(INSIDE).result()
    assert result is not None
    assert result.attempt == 1
    assert result.history[0].metrics["validation_loss"] > 0
    assert any("epoch 0: " in one for one in dagster.messages(run))


def test_it_says_why_it_waits_and_is_terminated(
    dagster: DagsterOnKubernetes, world: OnKubernetes, light: LightClusters
) -> None:
    values = light.values()
    nowhere = values["pod"] | {"nodeSelector": {"nobody": "has-this"}}
    on_kubernetes(world.home, light, values | {"pod": nowhere})
    try:
        run = dagster.launch(STARTING)
        dagster.until(
            run,
            lambda: any(one.startswith("Pod") for one in light.left()),
            within_s=STARTED_WITHIN_S,
        )
        dagster.wait_for_message(run, "(nobody=has-this)", within_s=NAMED_WITHIN_S)
    finally:
        on_kubernetes(world.home, light, values)

    dagster.terminate(run)

    until("end of all clusters", lambda: not light.left(), timeout_s=GONE_WITHIN_S)
    until("free slot", lambda: dagster.slots_taken() == 0, timeout_s=GONE_WITHIN_S)
    assert dagster.wait(run, within_s=GONE_WITHIN_S) == "CANCELED"
    assert trained(world, STARTING) == []


def test_terminated_while_it_trains(
    dagster: DagsterOnKubernetes, world: OnKubernetes, light: LightClusters
) -> None:
    held(world, RUNNING)
    run = dagster.launch(RUNNING)
    dagster.until(run, lambda: trained(world, RUNNING), within_s=STARTED_WITHIN_S)

    dagster.terminate(run)

    until("end of all clusters", lambda: not light.left(), timeout_s=GONE_WITHIN_S)
    until("free slot", lambda: dagster.slots_taken() == 0, timeout_s=GONE_WITHIN_S)
    assert dagster.wait(run, within_s=GONE_WITHIN_S) == "CANCELED"
    ended = world.training(RUNNING).attempt(1).ended()
    assert ended is not None
    assert ended.failure is not None
    assert ended.failure.cause.value == "cancelled"


def test_the_runs_pod_is_evicted_and_another_goes_on_from_the_checkpoint(
    dagster: DagsterOnKubernetes, world: OnKubernetes, light: LightClusters
) -> None:
    folder = held(world, LOST)
    run = dagster.launch(LOST)
    dagster.until(run, lambda: trained(world, LOST), within_s=STARTED_WITHIN_S)
    [pod] = dagster.run_pods(run)

    evict_pod(light.cluster, light.namespace, pod["metadata"]["name"])
    dagster.until(run, world.training(LOST).attempt(1).has_ended, within_s=STARTED_WITHIN_S)
    folder.remove("hold")

    assert dagster.wait(run, within_s=RAN_WITHIN_S) == "SUCCESS", dagster.story(run)
    assert_each_epoch_once(trained(world, LOST))


def test_the_steps_pod_is_deleted_by_force_and_another_goes_on_with_the_training(
    dagster: DagsterOnKubernetes, world: OnKubernetes, light: LightClusters
) -> None:
    folder = held(world, DELETED)
    run = dagster.launch(DELETED)
    dagster.until(run, lambda: trained(world, DELETED), within_s=STARTED_WITHIN_S)
    [pod] = dagster.run_pods(run)

    delete_pod(light.cluster, light.namespace, pod["metadata"]["name"], at_once=True)
    dagster.until(
        run,
        lambda: [one for one in dagster.run_pods(run) if uid_of(one) != uid_of(pod)],
        within_s=STARTED_WITHIN_S,
    )
    folder.remove("hold")

    assert dagster.wait(run, within_s=RAN_WITHIN_S) == "SUCCESS", dagster.story(run)
    assert_each_epoch_once(trained(world, DELETED))


def test_a_backfill_outlives_its_code_server(
    dagster: DagsterOnKubernetes, world: OnKubernetes
) -> None:
    backfill = dagster.backfill(BACKFILL)
    until("training", lambda: any(trained(world, day) for day in BACKFILL), timeout_s=RAN_WITHIN_S)

    dagster.code.restart()

    until(
        "end",
        lambda: dagster.backfill_status(backfill) in ENDED,
        timeout_s=RAN_WITHIN_S / 3 * max(3, len(BACKFILL)),
    )
    assert dagster.backfill_status(backfill) == "COMPLETED_SUCCESS", dagster.server.end_of_log()
    assert [trained(world, day) for day in BACKFILL] == [ONCE] * len(BACKFILL)
