"""A step killed at any moment of a training on Kubernetes: it is trained once, nothing is left.

Pods run a stand-in for Ray; API server, operator, pods, storage and the step are real.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.storage import Folder
from ml_platform.training.launch import Trained, train
from ml_platform.training.record import Owner, TrainingRecord
from ml_platform.training.request import TrainingRequest
from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.faults.api_script import Delay
from tests.kubernetes.faults.pods import delete_pod, kill_container
from tests.kubernetes.faults.storage_proxy import StorageProxy
from tests.kubernetes.light_clusters import STORAGE, LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed import object_storage
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.comers import Heard
from tests.support.attempts.head import EPOCHS
from tests.support.attempts.pod_steps import send_step
from tests.support.gcs_double import in_this_process

pytestmark = pytest.mark.kubernetes

WITHIN_S = 60
GONE_WITHIN_S = 30
STALLED = Delay(seconds=WITHIN_S)


@dataclass
class Case:
    """A training, the step that is killed, and what stands between it and the world."""

    light: LightClusters
    request: TrainingRequest
    api: ApiProxy
    storage: StorageProxy
    config: KubeRayConfig
    heard: Heard = field(default_factory=Heard)

    @property
    def record(self) -> TrainingRecord:
        return TrainingRecord(self.request.folder_uri)

    @property
    def folder(self) -> Folder:
        return Folder(self.request.folder_uri)

    def send(self) -> BaseProcess:
        return send_step(self.request, self.config, self.storage.environment)

    def come(self, request: TrainingRequest | None = None) -> Trained:
        """The retried step, whose ways to both are clear."""
        config = self.light.config()
        return train(
            request or self.request,
            lambda spec: EphemeralProvisioner(config),
            owner=Owner(run="second", root="second"),
            listeners=self.heard.listeners(),
            code=Path(self.request.code),
        )

    def objects(self, kind: str) -> list[dict[str, Any]]:
        found = self.light.cluster.get(kind, f"--namespace={self.light.namespace}")["items"]
        return [one for one in found if self.request.partition in str(one["metadata"])]

    def trained_epochs(self) -> list[str]:
        return self.folder.names("trained")

    def asked(self, method: str, path: str) -> int:
        return sum(one.method == method and path in one.path for one in self.api.seen)


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "ephemeral") as light, in_this_process(STORAGE):
        yield light


@pytest.fixture
def case(light: LightClusters, cluster: Cluster, tmp_path: Path) -> Iterator[Case]:
    bucket = light.bucket.removeprefix("gs://")
    with in_front_of(cluster) as api, StorageProxy(object_storage.URL, bucket) as storage:
        yield Case(
            light=light,
            request=light.training(tmp_path),
            api=api,
            storage=storage,
            config=light.config(kubeconfig=str(api.cluster.kubeconfig)),
        )


def wait_until(condition: Callable[[], Any], within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.05)


def kill(step: BaseProcess) -> None:
    step.kill()
    step.join()


def before_create(case: Case) -> None:
    with case.api.failing(STALLED, method="POST", path="/rayjobs"):
        step = case.send()
        wait_until(lambda: case.asked("POST", "/rayjobs"))
        kill(step)


def after_create(case: Case) -> None:
    step = case.send()
    wait_until(lambda: case.objects("rayjobs"))
    kill(step)


def while_pending(case: Case) -> None:
    step = case.send()
    wait_until(lambda: case.objects("pods"))
    kill(step)


def ready_but_not_submitted(case: Case) -> None:
    step = case.send()
    killed_before(case, step, "/ready.json")


def between_submission_and_its_note(case: Case) -> None:
    with case.api.failing(STALLED, method="PATCH", path="/rayjobs", skip=1):
        step = case.send()
        wait_until(lambda: case.asked("PATCH", "/rayjobs") > 1)
        kill(step)


def while_running(case: Case) -> None:
    case.folder.create("hold", b"")
    step = case.send()
    wait_until(case.trained_epochs)
    kill(step)
    case.folder.remove("hold")


def after_success(case: Case) -> None:
    step = case.send()
    killed_before(case, step, "/ended.json")


def killed_before(case: Case, step: BaseProcess, name: str) -> None:
    """The step is killed before it writes an object of this name."""

    def look(method: str, path: str) -> None:
        if method == "POST" and path.endswith(name):
            step.kill()
            raise ConnectionError

    case.storage.before = look
    step.join(WITHIN_S)
    assert step.exitcode == -9


MOMENTS = [
    before_create,
    after_create,
    while_pending,
    ready_but_not_submitted,
    between_submission_and_its_note,
    while_running,
    after_success,
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_a_step_killed_is_followed_by_one_that_trains_no_second_time(
    case: Case, moment: Callable[[Case], None]
) -> None:
    moment(case)

    done = case.come(case.request)

    assert case.trained_epochs() == [f"1-{epoch}" for epoch in range(EPOCHS)]
    assert done.result == case.record.result()
    assert [one.number for one in case.record.attempts()] == [1]
    wait_until(lambda: not case.light.left(), GONE_WITHIN_S)


def test_two_who_come_at_once_end_with_one_cluster_and_one_training(case: Case) -> None:
    steps = [case.send(), case.send()]
    for step in steps:
        step.join(WITHIN_S)

    assert [step.exitcode for step in steps] == [0, 0]
    assert case.trained_epochs() == [f"1-{epoch}" for epoch in range(EPOCHS)]
    assert case.asked("POST", "/rayjobs") >= 1
    wait_until(lambda: not case.light.left(), GONE_WITHIN_S)


@pytest.mark.parametrize("what", ["pod", "container"])
def test_a_lost_head_is_followed_by_an_attempt_on_a_new_cluster_from_the_checkpoint(
    case: Case, what: str
) -> None:
    case.folder.create("hold", b"")
    step = case.send()
    wait_until(lambda: len(case.trained_epochs()) == EPOCHS - 1)
    head = next(
        one
        for one in case.objects("pods")
        if one["metadata"]["labels"]["ray.io/node-type"] == "head"
    )
    name = str(head["metadata"]["name"])
    if what == "pod":
        delete_pod(case.light.cluster, case.light.namespace, name)
    else:
        kill_container(case.light.cluster, case.light.namespace, name)
    wait_until(case.record.attempt(1).has_ended)
    case.folder.remove("hold")
    step.join(WITHIN_S)

    first = case.record.attempt(1).ended()
    assert step.exitcode == 0
    assert first is not None
    assert first.failure is not None
    assert first.failure.cause.value == "head_lost"
    trained = [*(f"1-{epoch}" for epoch in range(EPOCHS - 1)), f"2-{EPOCHS - 1}"]
    assert case.trained_epochs() == trained
    wait_until(lambda: not case.light.left(), GONE_WITHIN_S)
