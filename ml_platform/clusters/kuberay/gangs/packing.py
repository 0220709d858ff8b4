"""Whether all pods of a cluster find a place at once on nodes of which there are only so many.

First fit, largest first, by counting: pods that are alike are put onto nodes that are alike at
once, so that ten thousand take no longer than ten. Where that fails the other ways are searched, if
the pods are few, or a proof is looked for that there is none. Only what is proven to have no place
is refused. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.gangs.fitting import Need, fitting, room_of
from ml_platform.clusters.kuberay.gangs.proof import are_too_many
from ml_platform.clusters.kuberay.gangs.search import has_place
from ml_platform.clusters.kuberay.gangs.values import Alike, Nodes, Room, most_on

MOST_SEARCHED: Final = 200
"""Pods: what is searched through one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pods:
    """Pods that are alike: the head, or a worker group.

    Attributes:
        name: What they are called in an error, different for each.
        need: What one of them asks of its node.
        count: How many.
        apart: Names of those with which they may not share a node; their own if each has to have
            one for itself. Two that are apart name each other.
    """

    name: str
    need: Need
    count: int
    apart: frozenset[str] = field(default_factory=frozenset)


def without_place(groups: Sequence[Pods], catalogue: Catalogue) -> str:
    """Name of a group of which a pod finds no place beside all others; empty if all may find one.

    Args:
        groups: All pods, each of which fits a node of the catalogue by itself.
        catalogue: What nodes there are. Those that are not counted hold whatever fits them.
    """
    fits = {group.name: fitting(group.need, catalogue) for group in groups}
    bounded = [
        group
        for group in groups
        if group.need.hosts or all(kind.count is not None for kind in fits[group.name])
    ]
    nodes = _nodes(bounded, fits)
    alike = [
        Alike(
            name=group.name,
            wanted=group.need.wanted,
            nodes=frozenset(_names(group, bounded, fits)),
            count=group.count,
            apart=group.apart,
        )
        for group in bounded
    ]
    rooms = {one.name: one.room for one in nodes}
    alike.sort(key=lambda one: (_largest_share(one, rooms), one.wanted, one.name), reverse=True)
    left = first_without_place(alike, nodes)
    if not left:
        return ""
    if sum(one.count for one in alike) <= MOST_SEARCHED:
        found = has_place(alike, nodes)
        if found is not None:
            return "" if found else left
    return left if are_too_many(alike, nodes) else ""


def _nodes(groups: Sequence[Pods], fits: dict[str, tuple[NodeKind, ...]]) -> list[Nodes]:
    """The nodes of each kind, and by themselves those that a group names.

    Of which kind one with a name is only the cluster knows. It is taken to be the best of those
    that it can be, and, where it can be of one kind only, to be one of that kind's.
    """
    kinds = {kind.name: kind for group in groups for kind in fits[group.name]}
    hosts: dict[str, list[NodeKind]] = {}
    for group in groups:
        for host in group.need.hosts:
            before = hosts.get(host)
            hosts[host] = [kind for kind in fits[group.name] if before is None or kind in before]
    named = {
        name: [host for host, its in hosts.items() if [kind.name for kind in its] == [name]]
        for name in kinds
    }
    return [
        *(
            Nodes(name=name, room=room_of(kind), count=max(0, kind.count - len(named[name])))
            for name, kind in kinds.items()
            if kind.count is not None
        ),
        *(Nodes(name=_host(host), room=_best(its), count=1) for host, its in hosts.items() if its),
    ]


def _names(group: Pods, groups: Sequence[Pods], fits: dict[str, tuple[NodeKind, ...]]) -> list[str]:
    """The names of nodes that a group may be put on."""
    if group.need.hosts:
        return [_host(host) for host in group.need.hosts]
    kinds = fits[group.name]
    theirs = {
        _host(host)
        for other in groups
        for host in other.need.hosts
        if any(kind in kinds for kind in fits[other.name])
    }
    return [*(kind.name for kind in kinds), *theirs]


def _host(name: str) -> str:
    return f"host {name}"


def first_without_place(alike: Sequence[Alike], nodes: Sequence[Nodes]) -> str:
    """Name of the first of which a pod finds no place, when each is put where it fits first."""
    users = {node.name: sum(node.name in one.nodes for one in alike) for node in nodes}
    # What the fewest can use is used first.
    states = sorted(nodes, key=lambda node: (users[node.name], node.room))
    for one in alike:
        left, after = one.count, list[Nodes]()
        for state in states:
            each = most_on(one, state)
            full = min(state.count, left // each) if each else 0
            rest = left % each if each and state.count > full else 0
            left -= full * each + rest
            after += [
                state.with_pods(one, each, full),
                state.with_pods(one, rest, 1 if rest else 0),
                state.with_pods(one, 0, state.count - full - (1 if rest else 0)),
            ]
        states = [state for state in after if state.count]
        if left:
            return one.name
    return ""


def _best(kinds: Sequence[NodeKind]) -> Room:
    cpus, memory, disk, gpus = (max(sizes) for sizes in zip(*map(room_of, kinds), strict=True))
    return (cpus, memory, disk, gpus)


def _largest_share(one: Alike, rooms: dict[str, Room]) -> float:
    """The part of a node that it takes, where it takes the least."""
    return min(
        (
            max(want / there for want, there in zip(one.wanted, rooms[name], strict=True) if there)
            for name in one.nodes
            if name in rooms
        ),
        default=math.inf,
    )
