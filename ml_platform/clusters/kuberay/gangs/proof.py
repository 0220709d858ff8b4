"""A proof that pods are too many for nodes, however they are placed, for any number of both. Pure.

Each pod is given a weight. If all pods together weigh more than what all nodes can hold at most, a
node holding the heaviest set of pods that fits it, then they have no place: so it is for any
weights (duality of Gilmore and Gomory's cutting stock problem). Tried are those that find most: the
part of a node that a pod takes of each resource, the same rounded as in the dual feasible functions
of Fekete and Schepers (2001), by which three pods that each want more than half of a node are seen
to need three of them, and the number of nodes that such pods need by themselves.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ml_platform.clusters.kuberay.gangs.values import (
    ROUNDING,
    Alike,
    Nodes,
    Room,
    most_on,
)

Weights = Mapping[str, float]
"""Of one pod, by the name of its group."""
_PARTS: Final = 12
"""Into so many parts a node is divided at most, when a pod's size is rounded."""
_MOST_STEPS: Final = 60
"""Of the search for the heaviest set that fits a node; then its bound is taken, which is above."""


def are_too_many(alike: Sequence[Alike], nodes: Sequence[Nodes]) -> bool:
    """Whether the pods surely have no place on the nodes; False means that it is not known."""
    for some in _subsets(alike):
        theirs = [node for node in nodes if any(node.name in one.nodes for one in some)]
        tried = []
        for weights in _candidates(some, theirs):
            if weights in tried:
                continue
            tried.append(weights)
            total = sum(weights[one.name] * one.count for one in some)
            if total > _held(some, theirs, weights, up_to=total):
                return True
    return False


def _subsets(alike: Sequence[Alike]) -> Iterator[list[Alike]]:
    """All, and those that can be on some of the nodes only: others are no help to them there."""
    seen = set()
    for names in {one.nodes for one in alike} | {frozenset().union(*(x.nodes for x in alike))}:
        some = [one for one in alike if one.nodes <= names]
        key = frozenset(one.name for one in some)
        if key not in seen:
            seen.add(key)
            yield some


def _held(
    some: Sequence[Alike], nodes: Sequence[Nodes], weights: Weights, *, up_to: float
) -> float:
    """The weight that all nodes hold at most; `up_to` is how much matters."""
    held = up_to * ROUNDING
    for node in nodes:
        held += node.count * _heaviest(some, node, weights)
        if held >= up_to:
            break
    return held


def _candidates(some: Sequence[Alike], nodes: Sequence[Nodes]) -> Iterator[Weights]:
    most = {one.name: max((most_on(one, node) for node in nodes), default=0) for one in some}
    yield {one.name: 1 / most[one.name] if most[one.name] else 1.0 for one in some}
    yield dict.fromkeys(most, 1.0)
    for resource, sizes in enumerate(zip(*(node.room for node in nodes), strict=True)):
        whole = max(sizes)
        if not 0 < whole < math.inf:
            continue
        shares = {one.name: one.wanted[resource] / whole for one in some}
        yield shares
        for parts in range(1, _PARTS):
            yield {name: _rounded(share, parts) for name, share in shares.items()}


def _rounded(share: float, parts: int) -> float:
    """Fekete and Schepers' function: whole parts down to the next, what is a part as it is."""
    size = share * (parts + 1)
    return share if abs(size - round(size)) < ROUNDING else math.floor(size) / parts


def _heaviest(some: Sequence[Alike], node: Nodes, weights: Weights) -> float:
    """The weight of the heaviest set of pods that fits one node, or a bound above it."""
    able = [one for one in some if weights[one.name] > 0 and most_on(one, node)]
    # The heaviest for its size first.
    able.sort(key=lambda one: weights[one.name] / _size(one, node.room), reverse=True)
    return _Heaviest(able, weights).of(node)


def _size(one: Alike, room: Room) -> float:
    return max(want / there for want, there in zip(one.wanted, room, strict=True) if there)


class _Heaviest:
    """Branch and bound over how many of each are on the node."""

    def __init__(self, able: Sequence[Alike], weights: Weights) -> None:
        self._able = able
        self._weights = weights
        self._steps = 0
        self._best = 0.0

    def of(self, node: Nodes) -> float:
        bound = self._bound(0, node)
        self._search(0, node, 0.0)
        return bound if self._steps > _MOST_STEPS else self._best

    def _search(self, index: int, node: Nodes, weight: float) -> None:
        self._best = max(self._best, weight)
        self._steps += 1
        if index == len(self._able):
            return
        one = self._able[index]
        for pods in range(most_on(one, node), -1, -1):
            then, heavier = node.with_pods(one, pods, 1), weight + pods * self._weights[one.name]
            if self._steps > _MOST_STEPS:
                return
            if heavier + self._bound(index + 1, then) > self._best * (1 + ROUNDING):
                self._search(index + 1, then, heavier)

    def _bound(self, index: int, node: Nodes) -> float:
        """What may come on top from `index` on: all that fit alone, and what each resource lets."""
        rest = [(one, most_on(one, node)) for one in self._able[index:]]
        rest = [(one, most) for one, most in rest if most]
        if not rest:
            return 0.0
        bounds = [sum(most * self._weights[one.name] for one, most in rest)]
        for resource, there in enumerate(node.room):
            if all(one.wanted[resource] for one, _ in rest):
                per = max(self._weights[one.name] / one.wanted[resource] for one, _ in rest)
                bounds.append(per * max(0.0, there))
        return min(bounds)
