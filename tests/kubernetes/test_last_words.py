"""What a cluster says last is kept, and names the cause, when an attempt fails on Kubernetes.

Pods run a stand-in for Ray; API server, operator, pods, storage and the step are real.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.ladder import Decision
from ml_platform.clusters.spec import HeadGroup
from ml_platform.storage import Folder
from ml_platform.training.launch import train
from ml_platform.training.listeners import EndedReport, Listeners
from ml_platform.training.record import LOGS_FOLDER, Owner, TrainingRecord
from ml_platform.training.request import TrainingRequest
from ml_platform.xray.records import Event
from tests.kubernetes.faults.memory import death, run_out_of_memory
from tests.kubernetes.faults.pods import delete_pod
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import STORAGE, LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node
from tests.support.gcs_double import in_this_process

pytestmark = pytest.mark.kubernetes

WITHIN_S = 30.0


class EnoughError(Exception):
    """One attempt was all that was wanted."""


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "last-words") as light, in_this_process(STORAGE):
        yield light


def one_attempt(
    light: LightClusters,
    request: TrainingRequest,
    on_event: Callable[[Event], None] = lambda event: None,
) -> EndedReport:
    """How the first attempt at a training fails."""
    failed: list[EndedReport] = []

    def no_more(decision: Decision) -> None:
        raise EnoughError

    config = light.config()
    with pytest.raises(EnoughError):
        train(
            request,
            lambda spec: EphemeralProvisioner(config),
            owner=Owner(run="first", root="first"),
            listeners=Listeners(
                on_log=lambda line: None,
                on_event=on_event,
                on_attempt=failed.append,
                on_decision=no_more,
            ),
            code=Path(request.code),
        )
    return failed[0]


def name_of(light: LightClusters, kind: str) -> str:
    """The pod of the head or of the worker."""
    found = light.cluster.get(
        "pods", f"--namespace={light.namespace}", f"--selector=ray.io/node-type={kind}"
    )
    return str(found["items"][0]["metadata"]["name"])


def kill_the_worker(light: LightClusters) -> None:
    """It runs out of memory, and Kubernetes knows of it."""
    worker = name_of(light, "worker")
    run_out_of_memory(light.cluster, light.namespace, worker, whole=True)
    until(
        "status of the worker that died",
        lambda: death(light.cluster, light.namespace, worker),
        timeout_s=WITHIN_S,
    )


def kept_logs(request: TrainingRequest) -> dict[str, str]:
    """The logs in the folder of the first attempt."""
    folder = TrainingRecord(request.folder_uri).attempt(1).folder
    names = folder.names(LOGS_FOLDER)
    return {name: folder.read(f"{LOGS_FOLDER}/{name}").decode() for name in names}


def test_a_head_that_crashes_again_and_again_is_told_with_its_last_lines(
    light: LightClusters, tmp_path: Path
) -> None:
    request = light.training(tmp_path)
    without_ray = {"env": [{"name": "PATH", "value": "/usr/bin:/bin"}]}
    head = HeadGroup(memory="256Mi", pod=without_ray)
    broken = request.cluster.model_copy(update={"head": head})

    report = one_attempt(light, request.model_copy(update={"cluster": broken}))

    failure = report.ended.failure
    assert failure is not None
    assert failure.cause is Cause.START_FAILED
    assert "The container ray-head of the head has failed" in failure.message
    assert any("ray: command not found" in line for line in failure.evidence)
    (kept,) = kept_logs(request).items()
    assert kept[0].endswith(".ray-head.log")
    assert "ray: command not found" in kept[1]


def test_a_worker_that_died_of_memory_is_the_cause_and_its_log_is_kept(
    light: LightClusters, tmp_path: Path
) -> None:
    request = light.training(tmp_path)
    Folder(request.folder_uri).create("hold", b"")

    def on_event(event: Event) -> None:
        if (event.name, event.state) != ("running", "began"):
            return
        try:
            kill_the_worker(light)
        finally:
            Folder(request.folder_uri).create("die", b"")

    report = one_attempt(light, request, on_event)

    failure = report.ended.failure
    assert failure is not None
    assert (failure.cause, str(failure.place)) == (Cause.OUT_OF_MEMORY, "group workers")
    logs = {name.split(".")[1]: text for name, text in kept_logs(request).items()}
    assert set(logs) == {"ray-head", "ray-worker"}
    assert "answers" in logs["ray-worker"]
    assert set(report.logs) == {name.removesuffix(".log") for name in kept_logs(request)}


def test_a_head_that_is_deleted_leaves_the_lines_that_it_had_said_before(
    light: LightClusters, tmp_path: Path
) -> None:
    request = light.training(tmp_path)
    Folder(request.folder_uri).create("hold", b"")

    def on_event(event: Event) -> None:
        if (event.name, event.state) == ("running", "began"):
            delete_pod(light.cluster, light.namespace, name_of(light, "head"))

    report = one_attempt(light, request, on_event)

    failure = report.ended.failure
    assert failure is not None
    assert failure.cause is Cause.HEAD_LOST
    (kept,) = (text for name, text in kept_logs(request).items() if ".ray-head." in name)
    assert kept.strip()
