"""Pods that come close to their memory's limit, at which they are killed."""

import math
from typing import Final

from ml_platform.clusters.spec import ON_KUBERNETES, ClusterSpec, memory_bytes
from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.prices import GIB

NAME: Final = "memory_limit"
SHARE: Final = 0.9
"""Ray kills a worker at 95 % of its node, and samples 15 s apart miss the last of the way."""
SURE_SHARE: Final = 0.95
MORE: Final = 1.5
_OUT: Final = "out_of_memory"


def memory_limit(seen: Seen) -> Finding | None:
    """Judged by the node that came closest, or by how the attempt ended."""
    if seen.attempt.cause == _OUT and not seen.attempt.cause_place.startswith("gpu"):
        return _ran_out(seen)
    nodes = [one for one in seen.samples.nodes if one.memory_bytes]
    if not nodes or seen.attempt.provisioner not in ON_KUBERNETES:
        return None
    closest = max(nodes, key=lambda one: one.memory_used_bytes / one.memory_bytes)
    share = closest.memory_used_bytes / closest.memory_bytes
    if share < SHARE:
        return None
    who = "the head" if closest.is_head else "a worker"
    return Finding(
        name=NAME,
        sentence=f"Memory of {who} was {share:.0%} full.",
        evidence=(
            f"node {closest.node}: {closest.memory_used_bytes / GIB:.1f} GiB of "
            f"{closest.memory_bytes / GIB:.1f} used",
        ),
        confidence="high" if share >= SURE_SHARE else "medium",
        next_step=_more(seen.spec, is_head=closest.is_head),
    )


def _ran_out(seen: Seen) -> Finding:
    one, place = seen.attempt, seen.attempt.cause_place
    is_head = place.partition(" ")[0] in ("head", "driver")
    more = _more(seen.spec, is_head=is_head)
    return Finding(
        name=NAME,
        sentence=f"It ran out of memory in {place}." if place else "It ran out of memory.",
        evidence=one.evidence,
        confidence="high",
        next_step=more if one.provisioner in ON_KUBERNETES else one.hint or more,
    )


def _more(spec: ClusterSpec | None, *, is_head: bool) -> str:
    if spec is None:
        return "more `memory` of that group in defs.yaml."
    memory = spec.head.memory if is_head else spec.groups[0].memory
    gib = math.ceil(memory_bytes(memory) * MORE / GIB)
    group = "head" if is_head else "workers"
    return f"`cluster: {{{group}: {{memory: {gib}Gi}}}}` in defs.yaml."
