"""What a cluster is: head and worker group, validated where a person typed it."""

import hashlib
import json
import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MEMORY_PATTERN: Final = re.compile(r"^([1-9][0-9]*)(Mi|Gi|Ti)$")
MEMORY_UNITS: Final = {"Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
Memory = Annotated[str, Field(description="Memory as `512Mi`, `4Gi` or `1Ti`.")]


def memory_bytes(text: str) -> int:
    """`4Gi` in bytes.

    Raises:
        ValueError: not a whole number with `Mi`, `Gi` or `Ti`.
    """
    match = MEMORY_PATTERN.match(text)
    if match is None:
        msg = f"{text!r} is no amount of memory: write a whole number and Mi, Gi or Ti, e.g. 4Gi"
        raise ValueError(msg)
    return int(match[1]) * MEMORY_UNITS[match[2]]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    cpus: int = Field(default=1, ge=1, le=256, description="CPUs of one node.")
    memory: Memory = "4Gi"

    @field_validator("memory")
    @classmethod
    def _is_memory(cls, value: str) -> str:
        memory_bytes(value)
        return value


class HeadGroup(_Group):
    """The node that runs the driver; training workers stay off it on a real cluster."""


class WorkerGroup(_Group):
    """Nodes that train, one training worker each."""

    count: int = Field(default=1, ge=1, le=512, description="How many training workers.")
    gpus: int = Field(default=0, ge=0, le=16, description="GPUs of one worker.")
    gpu: str = Field(default="", description="Kind of GPU, as the nodes are labelled.")


class ClusterSpec(BaseModel):
    """Head, workers and image of a cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provisioner: Literal["local"] = Field(
        default="local", description="`local`: a Ray on this machine, stopped when nobody needs it."
    )
    head: HeadGroup = HeadGroup()
    workers: WorkerGroup = WorkerGroup()
    image: str = Field(default="", description="Container image; empty for the code location's.")

    def spec_hash(self) -> str:
        """Twelve hex digits over the normalised spec; equal hashes may share a cluster."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
