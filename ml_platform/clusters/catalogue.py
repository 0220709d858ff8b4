"""What nodes there are to be had: the configuration that a cluster spec is judged against.

Nothing here asks a cloud: the catalogue is written by whoever runs the cluster, once.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml_platform.clusters.spec import Memory, memory_bytes
from ml_platform.wrong_values import shown_name

SPOT_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cloud.google.com/gke-spot": "true",
        "cloud.google.com/gke-preemptible": "true",
        "eks.amazonaws.com/capacityType": "SPOT",
        "karpenter.sh/capacity-type": "spot",
        "kubernetes.azure.com/scalesetpriority": "spot",
    }
)
"""How clouds and autoscalers mark nodes that may be taken away at any time."""
ON_SPOT_ONLY: Final = frozenset({"cloud.google.com/gke-spot", "cloud.google.com/gke-preemptible"})
"""Those of these labels that other nodes have not at all, where the others have another value."""


class NodeKind(BaseModel):
    """A kind of node, as an autoscaler or a person adds them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, description="How people call it.")
    cpus: float = Field(gt=0, description="CPUs that pods can have (allocatable).")
    memory: Memory
    disk: str = Field(default="", description="Local disk that pods can have; empty: not limited.")
    gpu: str = Field(default="", description="Kind of its GPUs, as specs name it; empty for none.")
    gpus: int = Field(default=0, ge=0, description="GPUs of one node.")
    gpu_resource: str = Field(
        default="nvidia.com/gpu", description="Name of the GPUs as a Kubernetes resource."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Labels by which pods choose such nodes."
    )
    tolerations: tuple[dict[str, Any], ...] = Field(
        default=(), description="Tolerations that pods need there, as Kubernetes writes them."
    )
    spot: bool = Field(default=False, description="Whether they may be taken away at any time.")
    count: int | None = Field(
        default=None, ge=0, description="How many there can be; empty for no limit."
    )
    price_per_hour: float = Field(default=0.0, ge=0, description="Of one node, for estimates.")

    @model_validator(mode="after")
    def _is_consistent(self) -> "NodeKind":
        memory_bytes(self.memory)
        if self.disk:
            memory_bytes(self.disk)
        if bool(self.gpu) != bool(self.gpus):
            msg = f"node kind {shown_name(self.name)}: write both `gpu` and `gpus`, or neither"
            raise ValueError(msg)
        if self.spot and not self.labels:
            msg = (
                f"node kind {shown_name(self.name)} is spot and has no `labels`: nothing would "
                "keep a head off it; write the label that such nodes have, as "
                f"{' or '.join(SPOT_LABELS)}"
            )
            raise ValueError(msg)
        marks = sorted(key for key, value in self.labels.items() if SPOT_LABELS.get(key) == value)
        if marks and not self.spot:
            msg = (
                f"node kind {shown_name(self.name)} has the label {marks[0]}, by which spot nodes "
                "are marked: write `spot: true`"
            )
            raise ValueError(msg)
        return self


class Catalogue(BaseModel):
    """All kinds of nodes; with none, nothing is judged and no node is chosen by label."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    nodes: tuple[NodeKind, ...] = ()

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> "Catalogue":
        for name, count in Counter(kind.name for kind in self.nodes).items():
            if count > 1:
                named = f"{count} node kinds are called {shown_name(name)}"
                msg = f"{named}: give each a `name` of its own"
                raise ValueError(msg)
        for spot in self.nodes:
            for other in self.nodes:
                if spot.spot and not other.spot and spot.labels == other.labels:
                    one, its = shown_name(other.name), shown_name(spot.name)
                    msg = (
                        f"the node kinds {one} and {its} have the same `labels`, and only {its} is "
                        "spot: write the label by which such nodes differ"
                    )
                    raise ValueError(msg)
        return self

    @property
    def gpu_kinds(self) -> tuple[str, ...]:
        """Kinds of GPUs that can be had, sorted."""
        return tuple(sorted({node.gpu for node in self.nodes if node.gpu}))
