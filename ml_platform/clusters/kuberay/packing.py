"""Whether all pods of a cluster find a place at once on nodes of which there are only so many.

First fit, largest first, and where that fails a search through the other ways: it refuses only what
it has proven to have no place, and gives up the proof where it would take long. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.fitting import Need, fitting
from ml_platform.clusters.spec import memory_bytes

MOST_PODS: Final = 200
MOST_STEPS: Final = 3000
"""Under half a second of thinking."""
_ROUNDING: Final = 1e-9

_Room = tuple[float, ...]
"""CPUs, memory, disk and GPUs."""
_Node = tuple[str, _Room]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pods:
    """Pods that are alike: the head, or a worker group."""

    name: str
    need: Need
    count: int


def without_place(groups: Sequence[Pods], catalogue: Catalogue) -> str:
    """Name of a group of which a pod finds no place beside all others; empty if all may find one.

    Args:
        groups: All pods, each of which fits a node of the catalogue by itself.
        catalogue: What nodes there are. Those that are not counted hold whatever fits them.
    """
    items: list[_Item] = []
    kinds: dict[str, NodeKind] = {}
    for group in groups:
        fits = fitting(group.need, catalogue)
        if any(kind.count is None for kind in fits):
            continue
        kinds |= {kind.name: kind for kind in fits}
        names = frozenset(kind.name for kind in fits)
        items += [_Item(group.name, _wanted(group.need), names)] * group.count
    if len(items) > MOST_PODS:
        return ""
    rooms = {name: _room(kind) for name, kind in kinds.items()}
    items.sort(key=lambda item: (_largest_share(item, rooms), item.wanted, item.name), reverse=True)
    nodes: list[_Node] = [
        (name, rooms[name])
        for name, kind in kinds.items()
        for _ in range(min(kind.count or 0, len(items)))
    ]
    return _Search(items).left_over(nodes)


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    wanted: _Room
    kinds: frozenset[str]


class _TooLongError(Exception):
    pass


class _Search:
    def __init__(self, items: Sequence[_Item]) -> None:
        self._items = items
        self._steps = 0
        self._deepest = 0

    def left_over(self, nodes: list[_Node]) -> str:
        try:
            found = self._placed(0, nodes, 0)
        except _TooLongError:
            return ""
        return "" if found else self._items[self._deepest].name

    def _placed(self, index: int, nodes: list[_Node], before: int) -> bool:
        """Whether the items from `index` on find a place; `before` is the node of the last one."""
        if index == len(self._items):
            return True
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise _TooLongError
        self._deepest = max(self._deepest, index)
        item = self._items[index]
        # Which of two equal pods is where makes no difference, nor which of two equal nodes.
        equal = index > 0 and item.wanted == self._items[index - 1].wanted
        equal = equal and item.kinds == self._items[index - 1].kinds
        tried = set()
        for at in range(before if equal else 0, len(nodes)):
            node = nodes[at]
            left = tuple(room - more for room, more in zip(node[1], item.wanted, strict=True))
            if node in tried or node[0] not in item.kinds or min(left) < -_ROUNDING:
                continue
            tried.add(node)
            nodes[at] = (node[0], left)
            if self._placed(index + 1, nodes, at):
                return True
            nodes[at] = node
        return False


def _wanted(need: Need) -> _Room:
    return (need.cpus, float(need.memory_bytes), float(need.disk_bytes), float(need.gpus))


def _room(kind: NodeKind) -> _Room:
    disk = float(memory_bytes(kind.disk)) if kind.disk else float("inf")
    return (kind.cpus, float(memory_bytes(kind.memory)), disk, float(kind.gpus))


def _largest_share(item: _Item, rooms: dict[str, _Room]) -> float:
    """The part of a node that it takes, where it takes the least."""
    return min(
        max(want / there for want, there in zip(item.wanted, rooms[name], strict=True) if there)
        for name in item.kinds
    )
