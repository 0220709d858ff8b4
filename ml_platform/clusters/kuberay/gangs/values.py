"""Pods that are alike, and nodes that are alike, as they are packed."""

import math
from dataclasses import dataclass, replace
from typing import Final

Room = tuple[float, float, float, float]
"""CPUs, memory and disk in bytes, and GPUs: what a pod wants, or a node has left."""
ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Alike:
    """So many pods that want the same.

    Attributes:
        name: Of the group.
        wanted: By one of them.
        nodes: Names of the nodes that it may be put on.
        count: How many.
        apart: Names of the groups, maybe its own, with which it may not share a node.
    """

    name: str
    wanted: Room
    nodes: frozenset[str]
    count: int
    apart: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Nodes:
    """So many nodes with the same left.

    Attributes:
        name: Of their kind.
        room: What is left on one.
        count: How many.
        holds: Names of the groups that are on each.
    """

    name: str
    room: Room
    count: int
    holds: frozenset[str] = frozenset()

    def with_pods(self, one: Alike, pods: int, count: int) -> "Nodes":
        """So many of these nodes, with so many pods more on each."""
        return replace(
            self,
            room=less(self.room, one.wanted, pods),
            count=count,
            holds=self.holds | {one.name} if pods else self.holds,
        )


def less(room: Room, wanted: Room, pods: int) -> Room:
    """What is left of a node's room when so many pods are put there."""
    cpus, memory, disk, gpus = (
        there - want * pods for there, want in zip(room, wanted, strict=True)
    )
    return (cpus, memory, disk, gpus)


def most_on(one: Alike, node: Nodes) -> int:
    """How many of the pods one of these nodes has room for."""
    if node.name not in one.nodes or node.holds & one.apart:
        return 0
    return pods_in(node.room, one.wanted, most=1 if one.name in one.apart else one.count)


def pods_in(room: Room, wanted: Room, *, most: float) -> int:
    """How many pods that want the same find room, and no more than `most`."""
    ratios = [there / want for there, want in zip(room, wanted, strict=True) if want]
    return max(0, math.floor(min([*ratios, most]) + ROUNDING))
