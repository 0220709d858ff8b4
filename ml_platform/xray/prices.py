"""What a cluster costs an hour: by the kinds of nodes of the catalogue, or by CPU, memory and GPU.

A pod costs the share of its node that nobody else can have: the largest of its shares of CPUs,
memory and GPUs. Of several kinds that it fits on it is taken to be on the cheapest. Kinds that are
spot have their own price, and only pods go there that may.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any, Final

from pydantic import ValidationError

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.gangs.fitting import Need, fitting
from ml_platform.clusters.open import kuberay_config
from ml_platform.clusters.spec import (
    ON_KUBERNETES,
    ClusterSpec,
    HeadGroup,
    WorkerGroup,
    memory_bytes,
)
from ml_platform.settings import Settings

GIB: Final = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Prices for an hour, in whatever currency they were written; 0 is unknown.

    Attributes:
        cpu: Of a CPU.
        gib: Of a GiB of memory; may be part of that of a CPU, and so unknown.
        gpu: Of a GPU.
        catalogue: Kinds of nodes, of which some have a price.
    """

    cpu: float = 0.0
    gib: float = 0.0
    gpu: float = 0.0
    catalogue: Catalogue = field(default_factory=Catalogue)

    def of_cluster(self, spec: ClusterSpec) -> float | None:
        """Of head and workers together; None if that of one of them is not known.

        On one's own machine there is no price.
        """
        if spec.provisioner not in ON_KUBERNETES:
            return None
        pods = [(self.of_pod(spec.head), 1)]
        pods += [(self.of_pod(group), group.count) for group in spec.groups]
        known = [price * count for price, count in pods if price is not None]
        return fsum(known) if len(known) == len(pods) else None

    def of_pod(self, group: HeadGroup | WorkerGroup) -> float | None:
        """Of one pod of a group; None if it is not known."""
        worker = group if isinstance(group, WorkerGroup) else None
        need = Need(
            cpus=group.cpus,
            memory_bytes=memory_bytes(group.memory),
            gpus=worker.gpus if worker else 0,
            gpu=worker.gpu if worker else "",
            spot=worker.spot if worker else False,
            is_head=worker is None,
            selector=group.pod.get("nodeSelector") or {},
        )
        on_nodes = [
            kind.price_per_hour * _share(need, kind)
            for kind in fitting(need, self.catalogue)
            if kind.price_per_hour
        ]
        if on_nodes:
            return min(on_nodes)
        if not self.cpu or (need.gpus and not self.gpu):
            return None
        gib = need.memory_bytes / GIB
        return fsum((need.cpus * self.cpu, gib * self.gib, need.gpus * self.gpu))


def prices_of(settings: Settings) -> Prices:
    """The prices that the settings, and the file of clusters that they name, have.

    Raises:
        SettingsError: a value of that file is wrong.
    """
    config = kuberay_config(settings)
    return Prices(
        cpu=settings.price_cpu_hour,
        gib=settings.price_gib_hour,
        gpu=settings.price_gpu_hour,
        catalogue=config.catalogue if config else Catalogue(),
    )


def spec_of(spec: Mapping[str, Any]) -> ClusterSpec | None:
    """The cluster that an attempt asked for, of its record; None if a newer program wrote it."""
    try:
        return ClusterSpec.model_validate(spec)
    except ValidationError:
        return None


def _share(need: Need, kind: NodeKind) -> float:
    shares = (
        need.cpus / kind.cpus,
        need.memory_bytes / memory_bytes(kind.memory),
        need.gpus / kind.gpus if kind.gpus else 0.0,
    )
    return max(shares)
