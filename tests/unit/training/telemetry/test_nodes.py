"""What nodes use, by the text that Ray exports: names of Ray 2.60, and made-up values."""

from typing import Any

import pytest

from ml_platform.training.telemetry.nodes import NodeSampler, node_use
from ml_platform.xray.samples import NodeUse

TEXT = """\
# HELP ray_node_cpu_utilization Total CPU usage on a ray node
# TYPE ray_node_cpu_utilization gauge
ray_node_cpu_utilization{ip="10.0.0.7",SessionName="session_1"} 62.5
# HELP ray_node_cpu_count Total CPUs available on a ray node
# TYPE ray_node_cpu_count gauge
ray_node_cpu_count{ip="10.0.0.7",SessionName="session_1"} 8.0
# HELP ray_node_mem_used Memory usage on a ray node
# TYPE ray_node_mem_used gauge
ray_node_mem_used{ip="10.0.0.7",SessionName="session_1"} 3e+09
# HELP ray_node_mem_total Total memory on a ray node
# TYPE ray_node_mem_total gauge
ray_node_mem_total{ip="10.0.0.7",SessionName="session_1"} 8e+09
# HELP ray_node_disk_free Total disk free (bytes) on a ray node
# TYPE ray_node_disk_free gauge
ray_node_disk_free{ip="10.0.0.7",SessionName="session_1"} 5e+10
# HELP ray_object_store_memory Object store memory by various sub-kinds on this node
# TYPE ray_object_store_memory gauge
ray_object_store_memory{Location="MMAP_SHM",ObjectState="SEALED"} 1000.0
ray_object_store_memory{Location="MMAP_DISK",ObjectState="SEALED"} 24.0
# HELP ray_node_gpus_available Total GPUs available on a ray node
# TYPE ray_node_gpus_available gauge
ray_node_gpus_available{ip="10.0.0.7",GpuIndex="0"} 1.0
ray_node_gpus_available{ip="10.0.0.7",GpuIndex="1"} 1.0
# HELP ray_node_gpus_utilization Total GPUs usage on a ray node
# TYPE ray_node_gpus_utilization gauge
ray_node_gpus_utilization{ip="10.0.0.7",GpuIndex="0"} 90.0
ray_node_gpus_utilization{ip="10.0.0.7",GpuIndex="1"} 10.0
# HELP ray_node_gram_used Total GPU RAM usage on a ray node
# TYPE ray_node_gram_used gauge
ray_node_gram_used{ip="10.0.0.7",GpuIndex="0"} 1024.0
# HELP ray_node_gram_available Total GPU RAM available on a ray node
# TYPE ray_node_gram_available gauge
ray_node_gram_available{ip="10.0.0.7",GpuIndex="0"} 3072.0
"""


def node(address: str, *, alive: bool = True, head: bool = False) -> dict[str, Any]:
    resources = {"CPU": 8.0} | ({"node:__internal_head__": 1.0} if head else {})
    return {
        "NodeManagerAddress": address,
        "MetricsExportPort": 8080,
        "Alive": alive,
        "Resources": resources,
    }


def test_a_nodes_use_is_read_from_what_ray_exports() -> None:
    assert node_use(TEXT, "10.0.0.7", is_head=False, at_s=5.0) == NodeUse(
        at_s=5.0,
        node="10.0.0.7",
        cpus=8.0,
        cpu_used=5.0,
        memory_bytes=8e9,
        memory_used_bytes=3e9,
        object_store_used_bytes=1024.0,
        disk_free_bytes=5e10,
        gpus=2.0,
        gpu_used=1.0,
        gpu_memory_bytes=4 * 2**30,
        gpu_memory_used_bytes=2**30,
    )


def test_what_else_a_node_exports_is_not_even_read() -> None:
    others = 'ray_tasks{State="FINISHED} 1.0\nno metric at all\n' + TEXT
    expected = node_use(TEXT, "10.0.0.7", is_head=False, at_s=5.0)
    assert node_use(others, "10.0.0.7", is_head=False, at_s=5.0) == expected


@pytest.mark.parametrize("text", ["", "<html></html>", "ray_tasks 1.0\n", "ray_node_cpu_count x"])
def test_a_text_without_what_a_node_uses_is_no_sample_of_zeros(text: str) -> None:
    with pytest.raises(ValueError):
        node_use(text, "10.0.0.7", is_head=False, at_s=5.0)


def test_nodes_that_live_are_sampled_and_the_head_is_known() -> None:
    nodes = [node("head", head=True), node("worker"), node("gone", alive=False)]
    told: list[NodeUse] = []
    asked: list[str] = []

    def fetch(url: str) -> str:
        asked.append(url)
        return TEXT

    NodeSampler(lambda: nodes, told.append, fetch=fetch).look()

    assert asked == ["http://head:8080/metrics", "http://worker:8080/metrics"]
    assert [(one.node, one.is_head) for one in told] == [("head", True), ("worker", False)]


@pytest.mark.parametrize("trouble", [OSError("nobody answers"), ValueError("no such text")])
def test_a_node_that_does_not_answer_is_left_out(trouble: Exception) -> None:
    told: list[NodeUse] = []

    def fetch(url: str) -> str:
        if "silent" in url:
            raise trouble
        return TEXT

    NodeSampler(lambda: [node("silent"), node("worker")], told.append, fetch=fetch).look()
    assert [one.node for one in told] == ["worker"]
