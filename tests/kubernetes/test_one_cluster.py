"""One cluster for a training, whoever comes, and another one when it is lost or cannot be used."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.spec import HeadGroup
from tests.kubernetes.faults.pods import delete_pod, kill_container
from tests.kubernetes.matrix.acts import to_pods
from tests.kubernetes.matrix.case import Case
from tests.support.attempts.head import EPOCHS

pytestmark = pytest.mark.kubernetes


def of_another_spec(case: Case) -> None:
    """Make a cluster under the name of the first attempt, of another size."""
    larger = case.request.cluster.model_copy(update={"head": HeadGroup(memory="320Mi")})
    create(case, ray_job(case.name(1), larger, case.config))


def that_has_failed(case: Case) -> None:
    """Make a cluster under the name of the first attempt, to which nobody submits in time."""
    manifest = ray_job(case.name(1), case.request.cluster, case.config)
    manifest["spec"]["preRunningDeadlineSeconds"] = 1
    create(case, manifest)
    case.wait_until(
        lambda: (
            [one["status"]["jobDeploymentStatus"] for one in case.objects("rayjobs")] == ["Failed"]
        )
    )


def create(case: Case, manifest: dict[str, Any]) -> None:
    case.light.cluster.kubectl("create", "--filename=-", stdin=json.dumps(manifest))
    case.wait_until(lambda: all("status" in one for one in case.objects("rayjobs")))


def of_role(case: Case, role: str) -> list[dict[str, Any]]:
    """The pods of the head, or the workers."""
    pods = case.objects("pods")
    return [one for one in pods if one["metadata"]["labels"]["ray.io/node-type"] == role]


def be_unready(case: Case, pod: dict[str, Any]) -> None:
    """Say of a pod that a probe of it has failed."""
    cluster, namespace = case.light.cluster, case.light.namespace
    unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    where = (f"pod/{pod['metadata']['name']}", f"--namespace={namespace}")
    cluster.kubectl("patch", *where, "--subresource=status", f"--patch={json.dumps(unready)}")


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether the kubelet says so."""
    conditions = {one["type"]: one["status"] for one in pod["status"]["conditions"]}
    return conditions["Ready"] == "True"


def test_two_who_come_at_once_end_with_one_cluster_and_one_training(case: Case) -> None:
    steps = [case.send(), case.send()]
    for step in steps:
        step.join(case.within_s)

    assert [step.exitcode for step in steps] == [0, 0]
    assert case.trained() == dict.fromkeys(range(EPOCHS), 1)
    case.wait_until(lambda: not case.objects())


@pytest.mark.parametrize("make", [of_another_spec, that_has_failed])
def test_a_cluster_that_cannot_be_used_is_replaced(
    case: Case, make: Callable[[Case], None]
) -> None:
    make(case)
    before = {one["metadata"]["uid"] for one in case.objects("rayjobs")}
    case.marks.create("hold", b"")

    step = case.send()
    case.wait_until(lambda: len(case.trained()) == EPOCHS - 1)
    now = {one["metadata"]["uid"] for one in case.objects("rayjobs")}
    case.marks.remove("hold")
    step.join(case.within_s)

    assert step.exitcode == 0
    assert not now & before
    assert case.trained() == dict.fromkeys(range(EPOCHS), 1)
    assert [one.number for one in case.record.attempts()] == [1]


@pytest.mark.parametrize("role", ["head", "worker"])
def test_a_readiness_that_flaps_neither_fails_nor_restarts_a_training(
    case: Case, role: str
) -> None:
    case.marks.create("hold", b"")
    step = case.send()
    case.wait_until(lambda: len(case.trained()) == EPOCHS - 1)
    before = {one["metadata"]["uid"] for one in case.objects("pods")}
    for _ in range(2):
        for pod in of_role(case, role):
            be_unready(case, pod)
        # The kubelet, whose probes pass, says otherwise soon.
        case.wait_until(lambda: all(map(is_ready, of_role(case, role))))
    case.marks.remove("hold")
    step.join(case.within_s)

    assert step.exitcode == 0
    assert case.trained() == dict.fromkeys(range(EPOCHS), 1)
    assert {one["metadata"]["uid"] for one in case.objects("pods")} <= before
    assert [one.number for one in case.record.attempts()] == [1]


@pytest.mark.parametrize(
    "lose", [to_pods("head", delete_pod), to_pods("head", kill_container)], ids=["pod", "container"]
)
def test_a_lost_head_is_followed_by_an_attempt_on_a_new_cluster_from_the_checkpoint(
    case: Case, lose: Callable[[Case], Any]
) -> None:
    case.marks.create("hold", b"")
    step = case.send()
    case.wait_until(lambda: len(case.trained()) == EPOCHS - 1)
    with lose(case):
        case.wait_until(case.record.attempt(1).has_ended)
    case.marks.remove("hold")
    step.join(case.within_s)

    first = case.record.attempt(1).ended()
    assert step.exitcode == 0
    assert first is not None
    assert first.failure is not None
    assert first.failure.cause.value == "head_lost"
    by_attempt = [(*one.split("-")[::2],) for one in case.marks.names("trained")]
    trained = [*(("1", str(epoch)) for epoch in range(EPOCHS - 1)), ("2", str(EPOCHS - 1))]
    assert by_attempt == trained
    case.wait_until(lambda: not case.objects())
