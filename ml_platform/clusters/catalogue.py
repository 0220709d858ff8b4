"""What nodes there are to be had: the configuration that a cluster spec is judged against.

Nothing here asks a cloud: the catalogue is written by whoever runs the cluster, once.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml_platform.clusters.spec import Memory, memory_bytes


class NodeKind(BaseModel):
    """A kind of node, as an autoscaler or a person adds them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
            msg = f"node kind {self.name}: write both `gpu` and `gpus`, or neither"
            raise ValueError(msg)
        return self


class Catalogue(BaseModel):
    """All kinds of nodes; with none, nothing is judged and no node is chosen by label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: tuple[NodeKind, ...] = ()

    @property
    def gpu_kinds(self) -> tuple[str, ...]:
        """Kinds of GPUs that can be had, sorted."""
        return tuple(sorted({node.gpu for node in self.nodes if node.gpu}))
