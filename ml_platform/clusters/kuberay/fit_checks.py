"""What no node of the catalogue can hold: a pod, a whole gang, a kind of GPU that there is not."""

from collections.abc import Iterator

from ml_platform.clusters.catalogue import Catalogue
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.fitting import (
    Need,
    fitting,
    nearest,
    need_of,
    obstacles,
    room,
    shortages,
)
from ml_platform.clusters.kuberay.packing import Pods, without_place
from ml_platform.clusters.kuberay.pod_fields import merged
from ml_platform.clusters.kuberay.selection import of_spot_nodes
from ml_platform.clusters.kuberay.words import did_you_mean
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.wrong_values import shown_name


def gpu_kind_mistakes(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    """Kinds of GPUs that nobody knows, or that are named for nothing."""
    kinds = catalogue.gpu_kinds
    for group in spec.groups:
        gpu = shown_name(group.gpu)
        if group.gpu and not group.gpus:
            yield f"{group.name}.gpu is {gpu}, but gpus is 0; say how many one worker has"
        elif group.gpu and not kinds:
            yield (
                f"{group.name}.gpu is {gpu}, but the configuration's catalogue has no nodes "
                "with GPUs; add them, or leave `gpu` out to take any"
            )
        elif group.gpu and group.gpu not in kinds:
            near = did_you_mean(group.gpu, kinds)
            yield (
                f"{group.name}.gpu is {gpu}, which there is not{near or ';'} "
                + (f"there are {', '.join(kinds)}")
            )


def fit_mistakes(spec: ClusterSpec, config: KubeRayConfig) -> Iterator[str]:
    """Pods, gangs and clusters that are too large, as far as there is a catalogue."""
    catalogue = config.catalogue
    head = _need(spec.head, spec, config)
    if not catalogue.nodes:
        yield from _spot_head_mistakes(head)
        return
    needs = [(group, _need(group, spec, config)) for group in spec.groups]
    alone = [*_pod_mistakes("the head", head, catalogue)]
    for group, need in needs:
        alone += _pod_mistakes(f"a worker of {group.name}", need, catalogue)
    if alone:
        yield from alone
        return
    if room(head, _NOTHING, catalogue) < 1:
        yield f"the head fits {_names(head, catalogue)}, of which there are none (count: 0)"
        return
    gangs = list(_gang_mistakes(needs, head, catalogue))
    yield from gangs
    counted = [(head, 1), *((need, group.most) for group, need in needs)]
    if not gangs and (short := shortages(counted, catalogue)):
        yield (
            f"head and workers do not fit at once on the nodes of the catalogue: "
            f"{', '.join(short)}; make them fewer or smaller"
        )
    elif not gangs:
        pods = [
            Pods(name="the head", need=head, count=1),
            *(
                Pods(name=f"a worker of {group.name}", need=need, count=group.most)
                for group, need in needs
            ),
        ]
        if last := without_place(pods, catalogue):
            yield (
                "head and workers do not fit at once on the nodes of the catalogue: by their sums "
                f"they would, but {last} finds no node with enough left; make them fewer, or of "
                "sizes that share a node"
            )


def _spot_head_mistakes(head: Need) -> Iterator[str]:
    said = of_spot_nodes(head.selector, head.terms)
    if said:
        yield (
            f"the head's own fields want {said}, which spot nodes have: they may be taken away at "
            "any time, and with the head the whole cluster; leave that to workers"
        )


_NOTHING = Need(cpus=0.0, memory_bytes=0)


def _need(group: HeadGroup | WorkerGroup, spec: ClusterSpec, config: KubeRayConfig) -> Need:
    return need_of(group, spec, config, merged(config.pod, group.pod))


def _pod_mistakes(what: str, need: Need, catalogue: Catalogue) -> Iterator[str]:
    if fitting(need, catalogue):
        return
    kind = nearest(need, catalogue)
    words = f"{what} fits no kind of node; nearest is {kind.name}: "
    words += ", ".join(obstacles(need, kind))
    if obstacles(need, kind) == ["it is spot"]:
        where = "give the catalogue one that is not" if what == "the head" else "write `spot: true`"
        words += f" (a node that may be taken away at any time); {where}"
    yield words


def _gang_mistakes(
    needs: list[tuple[WorkerGroup, Need]], head: Need, catalogue: Catalogue
) -> Iterator[str]:
    for group, need in needs:
        there = room(need, head, catalogue)
        if group.most > there:
            up_to = "up to " if group.most > group.count else ""
            yield (
                f"{group.name} has {up_to}{group.most} workers, beside the head at most "
                f"{there:g} fit {_names(need, catalogue)}; make them fewer or smaller"
            )


def _names(need: Need, catalogue: Catalogue) -> str:
    counted = [
        kind.name if kind.count is None else f"{kind.count} × {kind.name}"
        for kind in fitting(need, catalogue)
    ]
    return f"on {' and '.join(counted)}"
