"""Which kinds of nodes can hold a pod, and how many of them: arithmetic over the catalogue."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay import autoscaler
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.gangs.apart import keeps_away, pod_labels
from ml_platform.clusters.kuberay.gangs.selection import Term, contradictions, hosts, terms_of
from ml_platform.clusters.kuberay.gangs.values import Room, less, pods_in
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup, memory_bytes

_GIB: Final = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What one pod asks of its node.

    Attributes:
        cpus: CPUs that it requests of Kubernetes.
        memory_bytes: Memory.
        disk_bytes: Local disk; 0 for what the node gives.
        gpus: GPUs.
        gpu: Their kind; empty for any.
        spot: Whether a node that may be taken away will do.
        is_head: Whether it is the head, with which the whole cluster is lost.
        selector: Labels that the user's own `nodeSelector` wants.
        terms: Alternatives that the user's own affinity wants.
        hosts: Names of the only nodes that these let it onto; empty for any.
        alone: Whether such pods keep each other off their nodes, so that each has one for itself.
    """

    cpus: float
    memory_bytes: int
    disk_bytes: int = 0
    gpus: int = 0
    gpu: str = ""
    spot: bool = False
    is_head: bool = False
    selector: Mapping[str, str] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    hosts: frozenset[str] = frozenset()
    alone: bool = False

    @property
    def wanted(self) -> Room:
        """Of its node's room."""
        return (self.cpus, float(self.memory_bytes), float(self.disk_bytes), float(self.gpus))


def need_of(
    group: HeadGroup | WorkerGroup,
    spec: ClusterSpec,
    config: KubeRayConfig,
    fields: Mapping[str, Any],
) -> Need:
    """What one pod of a group with these `pod` fields asks for; a head never takes a spot node."""
    worker = group if isinstance(group, WorkerGroup) else None
    cpus, memory = float(group.cpus), memory_bytes(group.memory)
    if worker is None and spec.is_elastic:
        cpus, memory = cpus + autoscaler.CPUS, memory + memory_bytes(autoscaler.MEMORY)
    selector, terms = fields.get("nodeSelector") or {}, terms_of(fields)
    its_labels = pod_labels(group, fields, config)
    return Need(
        cpus=cpus * config.cpu_request_share,
        memory_bytes=memory,
        disk_bytes=memory_bytes(group.disk) if group.disk else 0,
        gpus=worker.gpus if worker else 0,
        gpu=worker.gpu if worker else "",
        spot=worker.spot if worker else False,
        is_head=worker is None,
        selector=selector,
        terms=terms,
        hosts=hosts(selector, terms),
        alone=keeps_away(fields, its_labels, its_labels, namespace=config.namespace),
    )


def obstacles(need: Need, kind: NodeKind) -> list[str]:
    """Why a node of this kind, even an empty one, does not hold the pod; empty if it does."""
    found = []
    if need.gpus and need.gpu and need.gpu != kind.gpu:
        found.append(f"its GPUs are {kind.gpu}" if kind.gpu else "it has no GPU")
    elif need.gpus > kind.gpus:
        found.append(f"{need.gpus} GPUs wanted, it has {kind.gpus}")
    if need.cpus > kind.cpus:
        found.append(f"{need.cpus:g} CPUs wanted, it has {kind.cpus:g}")
    if need.memory_bytes > memory_bytes(kind.memory):
        found.append(f"{_gib(need.memory_bytes)} of memory wanted, it has {kind.memory}")
    if kind.disk and need.disk_bytes > memory_bytes(kind.disk):
        found.append(f"{_gib(need.disk_bytes)} of disk wanted, it has {kind.disk}")
    if kind.spot and not need.spot:
        found.append("it is spot")
    return [*found, *contradictions(need.selector, need.terms, kind.labels)]


def fitting(need: Need, catalogue: Catalogue) -> tuple[NodeKind, ...]:
    """The kinds of nodes on which the pod may be put.

    A pod without GPUs goes where there are none, if it fits there. All kinds have the same name for
    their GPUs, since a container can ask by one only: of several that of which most pods find room.
    """
    found = [kind for kind in catalogue.nodes if not obstacles(need, kind)]
    if need.gpus:
        alike: dict[str, list[NodeKind]] = {}
        for kind in found:
            alike.setdefault(kind.gpu_resource, []).append(kind)
        return tuple(max(alike.values(), key=lambda kinds: _room(need, kinds), default=[]))
    return tuple(kind for kind in found if not kind.gpu) or tuple(found)


def nearest(need: Need, catalogue: Catalogue) -> NodeKind:
    """The kind of node with the fewest obstacles, of the wanted GPUs if there is one."""
    return min(
        catalogue.nodes,
        key=lambda kind: (
            bool(need.gpus) and need.gpu not in ("", kind.gpu),
            len(obstacles(need, kind)),
            max(need.cpus / kind.cpus, need.memory_bytes / memory_bytes(kind.memory)),
        ),
    )


def room(need: Need, head: Need, catalogue: Catalogue) -> float:
    """How many such pods all nodes hold together, beside the head; infinite without a limit."""
    kinds = fitting(need, catalogue)
    pods = _room(need, kinds)
    # The head goes where it takes the place of the fewest: onto none of theirs, if it can.
    taken = [
        _per_node(need, kind) - _per_node(need, kind, beside=head)
        if kind in kinds and (not need.hosts or _count(kind) <= len(need.hosts))
        else 0
        for kind in fitting(head, catalogue)
        if _count(kind)
    ]
    return pods - min(taken, default=0)


def shortages(needs: list[tuple[Need, int]], catalogue: Catalogue) -> list[str]:
    """What the nodes that are counted have too little of together, for so many of each pod.

    Pods that other nodes can hold as well are left out.
    """
    fits = [(need, count, fitting(need, catalogue)) for need, count in needs]
    counted = [one for one in fits if all(kind.count is not None for kind in one[2])]
    needs = [(need, count) for need, count, _ in counted]
    kinds = {kind.name: kind for _, _, its in counted for kind in its}.values()
    wanted_and_there = {
        "CPUs": (
            sum(need.cpus * count for need, count in needs),
            sum(kind.cpus * _count(kind) for kind in kinds if _count(kind)),
        ),
        "GiB of memory": (
            sum(need.memory_bytes * count for need, count in needs) / _GIB,
            sum(memory_bytes(kind.memory) * _count(kind) for kind in kinds if _count(kind)) / _GIB,
        ),
        "GiB of disk": (
            sum(need.disk_bytes * count for need, count in needs) / _GIB,
            sum(_disk_bytes(kind) * _count(kind) for kind in kinds if _count(kind)) / _GIB,
        ),
        "GPUs": (
            sum(need.gpus * count for need, count in needs),
            sum(kind.gpus * _count(kind) for kind in kinds if kind.gpus and _count(kind)),
        ),
    }
    return [
        f"{wanted:g} {what} wanted, {there:g} there"
        for what, (wanted, there) in wanted_and_there.items()
        if wanted > there
    ]


def room_of(kind: NodeKind) -> Room:
    """What an empty node of this kind has; of disk without end where nobody says how much."""
    return (kind.cpus, float(memory_bytes(kind.memory)), _disk_bytes(kind), float(kind.gpus))


def _disk_bytes(kind: NodeKind) -> float:
    return float(memory_bytes(kind.disk)) if kind.disk else math.inf


def _room(need: Need, kinds: Iterable[NodeKind]) -> float:
    """How many find room on as many of these nodes as may be used, the roomiest first."""
    nodes = float(len(need.hosts)) if need.hosts else math.inf
    pods = 0.0
    for each, count in sorted(
        ((_per_node(need, kind), _count(kind)) for kind in kinds), reverse=True
    ):
        used = min(count, nodes)
        pods += used * each if used else 0
        nodes -= used if nodes < math.inf else 0
    return pods


def _count(kind: NodeKind) -> float:
    return math.inf if kind.count is None else kind.count


def _per_node(need: Need, kind: NodeKind, *, beside: Need | None = None) -> int:
    """How many pods one node holds, beside another pod where there is one."""
    there = room_of(kind)
    left = less(there, beside.wanted, 1) if beside else there
    return pods_in(left, need.wanted, most=1 if need.alone else math.inf)


def _gib(size: int) -> str:
    return f"{size / _GIB:g}Gi"
