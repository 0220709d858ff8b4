"""A start that fails says what its containers said last; a silent watch is not believed."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.pod_logs import read_logs
from ml_platform.clusters.kuberay.start import (
    CLUSTERS,
    EVENTS,
    EVIDENCE_LINES,
    JOBS,
    PODS,
    SHOWN_WITHIN_S,
    Start,
)
from ml_platform.clusters.kuberay.watch import Subject, Watch
from ml_platform.errors import ClusterStartError
from ml_platform.xray.records import Recorder
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server
from tests.unit.clusters.kuberay.objects import container, ended, pod, waiting

LAST = [f"line {number}" for number in range(200)]
JOB = {"metadata": {"name": "c", "uid": "u"}, "status": {"jobDeploymentStatus": "Initializing"}}
CRASHING = container("ray-head", state=waiting("CrashLoopBackOff"), last=ended(2), restarts=3)


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        head = pod("h", head=True, phase="Running", containers=[CRASHING])
        server.objects = {"rayjobs": [dict(JOB)], "pods": [dict(head)]}
        yield server


def failure_of(
    server: KubernetesServer, *, shown_within_s: float = SHOWN_WITHIN_S
) -> ClusterStartError:
    subjects = [Subject(name=one, path=f"/{one}") for one in (JOBS, CLUSTERS, PODS, EVENTS)]
    with Watch(server.access, subjects) as watch:
        starting = Start(
            "c",
            watch,
            Limits(),
            Recorder(),
            read_logs=partial(read_logs, server.api, "ns", within_s=2.0),
            shown_within_s=shown_within_s,
        )
        with pytest.raises(ClusterStartError) as raised:
            starting.wait("u", 1)
    return raised.value


def test_a_crash_loop_is_told_with_the_last_lines_of_the_run_that_crashed(
    server: KubernetesServer,
) -> None:
    server.logs = {("h", "ray-head", True): "\n".join(LAST)}
    error = failure_of(server)
    assert "The container ray-head of the head has failed 4 times: exit code 2" in error.message
    assert error.evidence[1:] == tuple(LAST[-EVIDENCE_LINES:])
    assert error.logs == {"h.ray-head": tuple(LAST)}


def test_a_log_that_cannot_be_read_changes_nothing_of_the_cause(server: KubernetesServer) -> None:
    error = failure_of(server)
    assert "has failed 4 times" in error.message
    assert error.logs == {}


def test_a_watch_that_has_died_is_not_taken_for_a_cluster_that_was_removed(
    server: KubernetesServer,
) -> None:
    there, server.objects = server.objects, {}
    # No watch tells of what appears.
    appears = threading.Timer(0.3, lambda: setattr(server, "objects", there))
    appears.start()
    assert "has failed 4 times" in failure_of(server, shown_within_s=0.5).message


def test_a_cluster_that_is_in_no_list_either_was_removed(server: KubernetesServer) -> None:
    server.objects = {}
    error = failure_of(server, shown_within_s=0.1)
    assert "was deleted while it started" in error.message
