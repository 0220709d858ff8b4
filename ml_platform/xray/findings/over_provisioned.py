"""Pods that ask for far more memory or CPUs than they ever use."""

import math
from typing import Final

from ml_platform.clusters.spec import ON_KUBERNETES, ClusterSpec, WorkerGroup, memory_bytes
from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.prices import GIB
from ml_platform.xray.words import money

NAME: Final = "over_provisioned"
LEAST_RAN_S: Final = 600.0
"""A shorter training may not have come to its peak, and there is little to save."""
LEAST_SAMPLES: Final = 2
"""Of each node; merged to five minutes."""
MEMORY_MARGIN: Final = 1.3
"""Over the peak: samples are 15 s apart, and Ray kills at 95 %."""
CPU_MARGIN: Final = 1.2
FITS_IN: Final = 0.5
"""Of the request; who could do with two thirds saves little and risks more."""


def over_provisioned(seen: Seen) -> Finding | None:
    """Judged by the peaks of the workers' nodes against what each asked for.

    A cluster of several groups is left out: samples do not say of which a node is.
    """
    spec, ran_s = seen.spec, seen.times.ran_s
    if spec is None or spec.provisioner not in ON_KUBERNETES or len(spec.groups) != 1:
        return None
    nodes = seen.worker_nodes
    if not nodes or (ran_s or 0.0) < LEAST_RAN_S:
        return None
    if len(nodes) < LEAST_SAMPLES * len({one.node for one in nodes}):
        return None
    group = spec.groups[0]
    peak_bytes = max(one.memory_used_bytes for one in nodes)
    peak_cpus = max(one.cpu_used for one in nodes)
    fits_gib = max(1, math.ceil(peak_bytes * MEMORY_MARGIN / GIB))
    fits_cpus = max(1, math.ceil(peak_cpus * CPU_MARGIN))
    fitting = {}
    if fits_gib * GIB <= FITS_IN * memory_bytes(group.memory):
        fitting["memory"] = f"{fits_gib}Gi"
    if fits_cpus <= FITS_IN * group.cpus:
        fitting["cpus"] = f"{fits_cpus}"
    if not fitting:
        return None
    written = ", ".join(f"{name}: {value}" for name, value in fitting.items())
    return Finding(
        name=NAME,
        sentence=f"Its workers ask for {group.cpus} CPU and {group.memory} each, and {written} "
        f"would do{_saved(seen, spec, group, fitting)}.",
        evidence=(
            f"at most {peak_bytes / GIB:.1f} GiB of {memory_bytes(group.memory) / GIB:.0f} used",
            f"at most {peak_cpus:.1f} of {group.cpus} CPUs busy",
        ),
        confidence="medium" if seen.attempt.status == "succeeded" else "low",
        next_step=f"`cluster: {{workers: {{{written}}}}}` in defs.yaml; the result stays the same.",
    )


def _saved(seen: Seen, spec: ClusterSpec, group: WorkerGroup, fitting: dict[str, str]) -> str:
    """What an hour of all workers costs less, where that is known."""
    smaller = group.model_copy(
        update={
            "memory": fitting.get("memory", group.memory),
            "cpus": int(fitting.get("cpus", group.cpus)),
        }
    )
    before = seen.prices.of_cluster(spec)
    after = seen.prices.of_cluster(spec.model_copy(update={"workers": smaller}))
    if before is None or after is None or after >= before:
        return ""
    return f", which saves {money(before - after)} of {money(before)} an hour"
