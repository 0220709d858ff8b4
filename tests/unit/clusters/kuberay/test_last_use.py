"""When a job ran last on an interactive cluster, by what its head says."""

import json
from typing import Any

import pytest

from ml_platform.clusters.kuberay.expiry import seconds_of
from ml_platform.clusters.kuberay.last_use import last_use
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server

BEGUN = "2026-01-02T06:00:00Z"
BEGUN_S = seconds_of(BEGUN) or 0.0
READY = {"jobDeploymentStatus": "Waiting", "rayClusterName": "one-abcde", "startTime": BEGUN}
JOBS = "/proxy/api/jobs/"


def used_s(server: KubernetesServer, status: dict[str, Any]) -> float | None:
    return last_use(server.api, "ray", {"spec": {"rayClusterSpec": {}}, "status": status})


@pytest.mark.parametrize(
    ("jobs", "last_s"),
    [
        ([], BEGUN_S),
        ([{"status": "SUCCEEDED", "end_time": (BEGUN_S + 60) * 1000}], BEGUN_S + 60),
        ([{"status": "FAILED", "end_time": 1000}], BEGUN_S),
        ([{"type": "DRIVER", "status": "RUNNING", "end_time": None}], float("inf")),
    ],
    ids=["none yet", "one has ended", "of a clock that is wrong", "a notebook goes on"],
)
def test_it_is_the_end_of_the_last_job_or_the_clusters_begin(
    jobs: list[dict[str, Any]], last_s: float
) -> None:
    with kubernetes_server() as server:
        answer = json.dumps(jobs).encode()
        server.before = lambda method, path: (200, answer) if path.endswith(JOBS) else None
        assert used_s(server, READY) == last_s
        assert any("services/one-abcde-head-svc:8265/proxy" in path for path in server.requests)


def test_a_head_that_does_not_answer_says_nothing_of_its_use() -> None:
    with kubernetes_server() as server:
        server.before = lambda method, path: (503, b"away")
        assert used_s(server, READY) is None


@pytest.mark.parametrize("status", [{}, READY | {"jobDeploymentStatus": "Suspended"}])
def test_one_that_is_not_ready_is_not_asked(status: dict[str, Any]) -> None:
    with kubernetes_server() as server:
        assert used_s(server, status) is None
        assert server.requests == []
