"""What the nodes of a cluster use, from the metrics that Ray exports on each of them."""

import contextlib
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ml_platform.training.telemetry.background import Background
from ml_platform.xray.samples import NodeUse

EVERY_S: Final = 15.0
ANSWERS_WITHIN_S: Final = 2.0
CLOSED_WITHIN_S: Final = 3.0
OBJECT_STORE: Final = "ray_object_store_memory"
NODE: Final = "ray_node_"

Nodes = Callable[[], Sequence[Mapping[str, Any]]]
"""As `ray.nodes`."""


class NodeSampler(Background):
    """Samples each living node until the block ends.

    Args:
        nodes: Says which there are.
        put: Takes a sample.
        every_s: How often they are looked at.
        fetch: The text at an address.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        nodes: Nodes,
        put: Callable[[NodeUse], None],
        *,
        every_s: float = EVERY_S,
        fetch: Callable[[str], str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("node-sampler", closed_within_s=CLOSED_WITHIN_S)
        self._nodes = nodes
        self._put = put
        self._every_s = every_s
        self._fetch = fetch or fetched
        self._now = now

    def _run(self) -> None:
        while not self.closing.wait(self._every_s):
            # Boundary: observing never fails the work; a node that goes is seen by others.
            with contextlib.suppress(Exception):
                self.look()

    def look(self) -> None:
        """Sample each node once; one that does not answer is left out."""
        for node in self._nodes():
            if not node.get("Alive") or not node.get("MetricsExportPort"):
                continue
            address = str(node["NodeManagerAddress"])
            with contextlib.suppress(OSError, ValueError):
                text = self._fetch(f"http://{address}:{node['MetricsExportPort']}/metrics")
                is_head = "node:__internal_head__" in (node.get("Resources") or {})
                self._put(node_use(text, address, is_head=is_head, at_s=self._now()))


def fetched(url: str) -> str:
    """The text at an address.

    Raises:
        OSError: nobody answers in time.
    """
    with urllib.request.urlopen(url, timeout=ANSWERS_WITHIN_S) as answer:
        text: bytes = answer.read()
    return text.decode(errors="replace")


def node_use(text: str, node: str, *, is_head: bool, at_s: float) -> NodeUse:
    """What Prometheus' text says of one node.

    Raises:
        ValueError: it is no such text, or none of a node.
    """
    from prometheus_client.parser import text_string_to_metric_families

    # A node exports thousands of lines, of which a dozen are of what it uses: to parse them all
    # took 78 ms of the driver's CPU for each node at each look.
    ours = "".join(
        f"{line}\n" for line in text.split("\n") if line.startswith((NODE, OBJECT_STORE))
    )
    found: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(ours):
        for sample in family.samples:
            found[sample.name] += sample.value
    if f"{NODE}cpu_count" not in found:
        msg = f"{node} does not export what it uses"
        raise ValueError(msg)
    gpus = found[f"{NODE}gpus_available"]
    used_mb, free_mb = found[f"{NODE}gram_used"], found[f"{NODE}gram_available"]
    cpus = found[f"{NODE}cpu_count"]
    return NodeUse(
        at_s=at_s,
        node=node,
        is_head=is_head,
        cpus=cpus,
        cpu_used=cpus * found[f"{NODE}cpu_utilization"] / 100,
        memory_bytes=found[f"{NODE}mem_total"],
        memory_used_bytes=found[f"{NODE}mem_used"],
        object_store_used_bytes=found[OBJECT_STORE],
        disk_free_bytes=found[f"{NODE}disk_free"],
        gpus=gpus,
        gpu_used=found[f"{NODE}gpus_utilization"] / 100,
        gpu_memory_bytes=(used_mb + free_mb) * 2**20,
        gpu_memory_used_bytes=used_mb * 2**20,
    )
