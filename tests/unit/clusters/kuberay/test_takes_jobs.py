"""A job is submitted when its head is ready and its workers start."""

from dataclasses import replace

import pytest

from ml_platform.clusters.kuberay.seen import Object, Seen
from ml_platform.clusters.kuberay.takes_jobs import takes_jobs
from tests.unit.clusters.kuberay.objects import container, ended, pod, running, waiting

HEAD = pod(
    "h",
    head=True,
    phase="Running",
    ready=True,
    containers=[container("ray-head", state=running(), ready=True)],
)
STARTS = container(state=running())
JOINED = container(state=running(), ready=True, restarts=2)
CRASHES = container(state=running(), last=ended(1), restarts=1)
PULLS = container(state=waiting("PodInitializing"))


def seen(*pods: Object) -> Seen:
    return Seen(
        ray_job={"metadata": {"name": "c", "uid": "u"}},
        ray_cluster={"metadata": {"name": "c-x"}},
        pods=pods,
        at_s=0.0,
    )


def worker(status: Object, *, ready: bool = False) -> Object:
    return pod(phase="Running", ready=ready, containers=[status])


@pytest.mark.parametrize(
    ("workers", "takes"),
    [
        pytest.param([worker(STARTS), worker(JOINED, ready=True)], True, id="start or have joined"),
        pytest.param([worker(STARTS)], False, id="one is missing"),
        pytest.param([worker(STARTS), worker(PULLS)], False, id="one has no image yet"),
        pytest.param([worker(STARTS), worker(CRASHES)], False, id="one ends again and again"),
        pytest.param([worker(STARTS), pod()], False, id="one has no container yet"),
    ],
)
def test_workers_need_not_have_joined_but_start(workers: list[Object], takes: bool) -> None:
    assert takes_jobs(seen(HEAD, *workers), 2) is takes


def test_without_a_ready_head_nothing_is_submitted() -> None:
    head = pod("h", head=True, phase="Running", containers=[container("ray-head", state=running())])
    assert not takes_jobs(seen(head, worker(STARTS)), 1)
    assert not takes_jobs(replace(seen(HEAD, worker(STARTS)), ray_cluster=None), 1)


def test_a_cluster_that_goes_takes_no_job_though_its_pods_still_run() -> None:
    going = {"metadata": {"name": "c-x", "deletionTimestamp": "2026-11-29T10:00:00Z"}}
    assert not takes_jobs(replace(seen(HEAD, worker(STARTS)), ray_cluster=going), 1)
