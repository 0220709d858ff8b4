"""What no node of the catalogue can hold: a pod, a whole gang, a kind of GPU that there is not."""

from collections.abc import Iterator, Sequence

from ml_platform.clusters.catalogue import Catalogue
from ml_platform.clusters.kuberay.checks.words import did_you_mean
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.gangs.apart import keeps_away, pod_labels
from ml_platform.clusters.kuberay.gangs.fitting import (
    Need,
    fitting,
    nearest,
    need_of,
    obstacles,
    room,
    shortages,
)
from ml_platform.clusters.kuberay.gangs.packing import Pods, without_place
from ml_platform.clusters.kuberay.gangs.selection import of_spot_nodes
from ml_platform.clusters.kuberay.pod_fields import merged
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.wrong_values import shown_name, shown_names


def gpu_kind_mistakes(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    """Kinds of GPUs that nobody knows, or that are named for nothing."""
    kinds = catalogue.gpu_kinds
    for group in spec.groups:
        name, gpu = shown_name(group.name), shown_name(group.gpu)
        if group.gpu and not group.gpus:
            yield f"{name}.gpu is {gpu}, but gpus is 0; say how many one worker has"
        elif group.gpu and not kinds:
            yield (
                f"{name}.gpu is {gpu}, but the configuration's catalogue has no nodes "
                "with GPUs; add them, or leave `gpu` out to take any"
            )
        elif group.gpu and group.gpu not in kinds:
            near = did_you_mean(group.gpu, kinds)
            yield (
                f"{name}.gpu is {gpu}, which there is not{near or ';'} "
                + (f"there are {shown_names(kinds)}")
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
        alone += _pod_mistakes(f"a worker of {shown_name(group.name)}", need, catalogue)
    if alone:
        yield from alone
        return
    if room(head, _NOTHING, catalogue) < 1:
        yield f"the head fits {_names(head, catalogue)}, of which there are none (count: 0)"
        return
    gangs = list(_gang_mistakes(needs, head, catalogue))
    yield from gangs
    pods = _pods(spec, config, [head, *(need for _, need in needs)])
    counted = [(head, 1), *((need, group.most) for group, need in needs)]
    if not gangs and (short := shortages(counted, catalogue)):
        yield (
            f"head and workers do not fit at once on the nodes of the catalogue: "
            f"{', '.join(short)}; make them fewer or smaller"
        )
    elif not gangs and (last := without_place(pods, catalogue)):
        yield (
            "head and workers do not fit at once on the nodes of the catalogue: by their sums "
            f"they would, but {last} finds no node with enough left that it may be put on; "
            "make them fewer, or of sizes that share a node"
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


def _pods(spec: ClusterSpec, config: KubeRayConfig, needs: Sequence[Need]) -> list[Pods]:
    """Head and groups as they are packed, with those of them that keep off each other's nodes."""
    groups: dict[str, HeadGroup | WorkerGroup] = {
        "the head": spec.head,
        **{f"a worker of {shown_name(group.name)}": group for group in spec.groups},
    }
    fields = {name: merged(config.pod, group.pod) for name, group in groups.items()}
    its_labels = {name: pod_labels(group, fields[name], config) for name, group in groups.items()}

    def keeps_off(name: str, other: str) -> bool:
        own, others = its_labels[name], its_labels[other]
        return keeps_away(fields[name], own, others, namespace=config.namespace)

    return [
        Pods(
            name=name,
            need=need,
            count=group.most if isinstance(group, WorkerGroup) else 1,
            apart=frozenset(
                other for other in groups if keeps_off(name, other) or keeps_off(other, name)
            ),
        )
        for (name, group), need in zip(groups.items(), needs, strict=True)
    ]


def _pod_mistakes(what: str, need: Need, catalogue: Catalogue) -> Iterator[str]:
    if fitting(need, catalogue):
        return
    kind = nearest(need, catalogue)
    words = f"{what} fits no kind of node; nearest is {shown_name(kind.name)}: "
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
                f"{shown_name(group.name)} has {up_to}{group.most} workers, beside the head at "
                f"most {there:g} fit {_names(need, catalogue)}; make them fewer or smaller"
            )


def _names(need: Need, catalogue: Catalogue) -> str:
    counted = [
        f"{f'{kind.count} × ' if kind.count is not None else ''}{shown_name(kind.name)}"
        for kind in fitting(need, catalogue)
    ]
    named = f", only {shown_names(sorted(need.hosts))} of them" if need.hosts else ""
    alone = ", each on one for itself as its anti-affinity wants" if need.alone else ""
    return f"on {' and '.join(counted)}{named}{alone}"
