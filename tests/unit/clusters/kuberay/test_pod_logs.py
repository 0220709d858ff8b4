"""The last lines of pods: read at once, of a bounded length and in a bounded time."""

import time
from collections.abc import Iterator

import pytest

from ml_platform.clusters.kuberay.diagnosis.log_sources import LogSource
from ml_platform.clusters.kuberay.pod_logs import MOST_BYTES, by_name, last_lines, read_logs
from tests.unit.clusters.kuberay.kubernetes_server import (
    HANGS,
    KubernetesServer,
    kubernetes_server,
)

HEAD = LogSource(pod="h", container="ray-head", previous=False)
WORKER = LogSource(pod="w", container="ray-worker", previous=True)


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        yield server


def test_the_last_lines_of_each_are_read_and_of_the_run_that_ended(
    server: KubernetesServer,
) -> None:
    server.logs = {
        ("h", "ray-head", False): "".join(f"line {n}\n" for n in range(300)),
        ("w", "ray-worker", True): "it died\n",
        ("w", "ray-worker", False): "it began again\n",
    }
    found = by_name(read_logs(server.api, "ns", [HEAD, WORKER]))
    assert list(found) == ["h.ray-head", "w.ray-worker"]
    assert found["h.ray-head"] == tuple(f"line {n}" for n in range(100, 300))
    assert found["w.ray-worker"] == ("it died",)
    assert {path for path, _ in server.asked} == {
        "/api/v1/namespaces/ns/pods/h/log",
        "/api/v1/namespaces/ns/pods/w/log",
    }


def test_a_container_that_was_started_again_meanwhile_is_asked_for_its_other_run(
    server: KubernetesServer,
) -> None:
    server.logs = {("h", "ray-head", False): "", ("h", "ray-head", True): "it died\n"}
    assert read_logs(server.api, "ns", [HEAD]) == {HEAD: ("it died",)}


def test_a_log_that_is_refused_is_left_out(server: KubernetesServer) -> None:
    server.logs = {("w", "ray-worker", True): "it died\n"}
    assert read_logs(server.api, "ns", [HEAD, WORKER]) == {WORKER: ("it died",)}


def test_a_log_that_hangs_is_not_waited_for_and_takes_no_other_with_it(
    server: KubernetesServer,
) -> None:
    server.logs = {("h", "ray-head", False): HANGS, ("w", "ray-worker", True): "it died\n"}
    began = time.monotonic()
    found = read_logs(server.api, "ns", [HEAD, WORKER], within_s=0.5)
    assert time.monotonic() - began < 2
    assert found == {WORKER: ("it died",)}


def test_of_long_lines_the_last_bytes_are_kept() -> None:
    lines = last_lines("\n".join("é" * 10_000 for _ in range(9)) + "\nthe end\n")
    assert lines[-1] == "the end"
    assert MOST_BYTES - 10 < len("\n".join(lines).encode()) <= MOST_BYTES
