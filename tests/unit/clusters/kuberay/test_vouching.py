"""A job is vouched for only while everything that is watched of it says that all is well."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.start import JOBS, PODS
from ml_platform.clusters.kuberay.views import head_incarnation
from ml_platform.clusters.kuberay.vouching import vouches
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.objects import container, pod, ray_job, running
from tests.unit.clusters.kuberay.watch_in_time import WatchInTime

WELL: Final = {"jobId": "job", "jobStatus": "RUNNING", "jobDeploymentStatus": "Running"}


def head(*, ready: bool = True, name: str = "h") -> Object:
    ray = container("ray-head", state=running(), ready=ready)
    return pod(name, head=True, phase="Running", ready=ready, containers=[ray])


def said(
    *pods: Object,
    status: Mapping[str, Any] = WELL,
    uid: str = "u",
    broken_s: float = 0.0,
    **metadata: str,
) -> bool:
    job = ray_job(status=status)
    job = {**job, "metadata": {**job["metadata"], "uid": uid, **metadata}}
    watch = WatchInTime(FakeTime(), {0.0: {JOBS: (job,), PODS: pods}}, broken_s=broken_s)
    return vouches(watch, "u", head_incarnation([head()]), "job")


def test_a_job_that_kuberay_sees_run_on_a_head_that_is_ready_is_vouched_for() -> None:
    assert said(head())


@pytest.mark.parametrize("status", ["PENDING", "SUCCEEDED", "FAILED", "STOPPED", ""])
def test_one_of_which_kuberay_says_anything_else_is_not(status: str) -> None:
    assert not said(head(), status=WELL | {"jobStatus": status})


@pytest.mark.parametrize(
    "status",
    [
        {},
        WELL | {"jobId": "another"},
        WELL | {"jobDeploymentStatus": "Failed"},
        WELL | {"jobStatusCheckFailureStartTime": "2026-01-02T12:00:00Z"},
    ],
    ids=["nothing said", "of another job", "given up by KubeRay", "KubeRay gets no answer"],
)
def test_kuberay_has_to_be_sure(status: Mapping[str, Any]) -> None:
    assert not said(head(), status=status)


@pytest.mark.parametrize(
    "pods",
    [(), (head(ready=False),), (head(name="another"),)],
    ids=["gone", "a probe has failed", "another head"],
)
def test_its_head_has_to_be_well(pods: tuple[Object, ...]) -> None:
    assert not said(*pods)


def test_what_goes_or_is_another_vouches_for_nothing() -> None:
    assert not said(head(), deletionTimestamp="2026-01-02T12:00:00Z")
    assert not said(head(), uid="another")


def test_a_watch_that_is_broken_vouches_for_nothing() -> None:
    assert not said(head(), broken_s=1.0)
