"""What a cluster is: head and worker groups, validated where a person typed it."""

import hashlib
import json
import re
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ml_platform.settings import ProvisionerKind
from ml_platform.wrong_values import shown_amount, shown_name

MEMORY_PATTERN: Final = re.compile(r"([1-9][0-9]*)(Mi|Gi|Ti)")
MEMORY_UNITS: Final = {"Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
RAY_VERSION: Final = "2.60.0"
"""Of every image: clusters are made, and jobs written, for this one."""
ON_KUBERNETES: Final[frozenset[ProvisionerKind]] = frozenset({"ephemeral"})
"""Provisioners whose workers are pods of an attempt's own: they have a size, and a price."""
Memory = Annotated[str, Field(description="Memory as `512Mi`, `4Gi` or `1Ti`.")]


def memory_bytes(text: str) -> int:
    """`4Gi` in bytes.

    Raises:
        ValueError: not a whole number with `Mi`, `Gi` or `Ti`.
    """
    match = MEMORY_PATTERN.fullmatch(text)
    if match is None:
        msg = (
            f"{shown_amount(text)} is no amount of memory: write a whole number and Mi, Gi or Ti, "
            "e.g. 4Gi"
        )
        raise ValueError(msg)
    return int(match[1]) * MEMORY_UNITS[match[2]]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    cpus: int = Field(default=1, ge=1, le=256, description="CPUs of one node.")
    memory: Memory = "4Gi"
    disk: str = Field(
        default="", description="Local disk of one node, as `20Gi`; empty for what the node gives."
    )
    pod: dict[str, Any] = Field(
        default_factory=dict,
        description="More fields of the pod, as Kubernetes names them: a checked few, such as "
        "`tolerations`, `nodeSelector` or `volumes`.",
    )

    @field_validator("memory", "disk")
    @classmethod
    def _is_memory(cls, value: str, info: ValidationInfo) -> str:
        if value or info.field_name == "memory":
            memory_bytes(value)
        return value


class HeadGroup(_Group):
    """The node that runs the driver; training workers stay off it on a real cluster."""


class WorkerGroup(_Group):
    """Nodes that train, one training worker each."""

    name: str = Field(
        default="workers",
        pattern=r"^[a-z]([-a-z0-9]{0,13}[a-z0-9])?$",
        description="Name of the group, unique in the cluster.",
    )
    min: int | None = Field(
        default=None,
        ge=0,
        le=512,
        description="With `max`, in place of `count`, for clusters of one's own: it begins with so "
        "many workers, and Ray's autoscaler adds and removes them as they are asked for.",
    )
    max: int | None = Field(default=None, ge=1, le=512, description="The most workers; see `min`.")
    count: int = Field(default=1, ge=0, le=512, description="How many training workers.")
    gpus: int = Field(default=0, ge=0, le=16, description="GPUs of one worker.")
    gpu: str = Field(default="", description="Kind of GPU, from the catalogue of node kinds.")
    spot: bool = Field(
        default=False, description="Whether nodes that may be taken away at any time will do."
    )

    @model_validator(mode="before")
    @classmethod
    def _begins_with_the_fewest(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("min"), int) and "count" not in value:
            return value | {"count": value["min"]}
        return value

    @field_validator("count")
    @classmethod
    def _is_not_none(cls, value: int, info: ValidationInfo) -> int:
        if value < 1 and info.data.get("min") is None:
            msg = "wanted at least 1"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _says_once_how_many(self) -> "WorkerGroup":
        if (self.min is None) != (self.max is None):
            msg = "write `min` and `max` both, or `count`"
            raise ValueError(msg)
        if self.min is not None and self.max is not None:
            if self.count != self.min:
                msg = f"`count` is {self.count} and `min` is {self.min}: write one of the two"
                raise ValueError(msg)
            if self.min > self.max:
                msg = f"`min` is {self.min} and `max` is {self.max}: wanted `min` to be no more"
                raise ValueError(msg)
        return self

    @property
    def most(self) -> int:
        """How many workers there can be; as many as at the beginning, but for the autoscaler."""
        return self.count if self.max is None else self.max

    def in_words(self) -> str:
        """`2 × 1 CPU, 2Gi, 1 GPU a100`, or `2 to 8 × …`."""
        gpus = f", {self.gpus} GPU {self.gpu}".rstrip() if self.gpus else ""
        count = f"{self.count} to {self.most}" if self.most > self.count else f"{self.count}"
        return f"{count} × {self.cpus} CPU, {self.memory}{gpus}"


class ClusterSpec(BaseModel):
    """Head, workers and image of a cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    provisioner: ProvisionerKind | Literal[""] = Field(
        default="",
        description="Empty for what the environment says. `local`: a Ray on this machine, stopped "
        "when nobody needs it. `ephemeral`: a cluster on Kubernetes for each attempt, made and "
        "removed by KubeRay.",
    )
    head: HeadGroup = HeadGroup()
    workers: WorkerGroup | tuple[WorkerGroup, ...] = Field(
        default=WorkerGroup(),
        description="The group of nodes that train, or a list of groups with a name each.",
    )
    image: str = Field(
        default="",
        description="Container image; empty for the code location's. It holds this platform and "
        f"Ray {RAY_VERSION.rpartition('.')[0]}.",
    )
    priority: str = Field(default="", description="A priority class of Kubernetes; empty for none.")
    queue: str = Field(
        default="", description="A queue of Kueue that admits the cluster; empty for none."
    )

    @field_validator("workers", mode="before")
    @classmethod
    def _one_group_or_several(cls, value: Any) -> Any:
        # A union would answer a misspelt key with what is wrong under each of its types.
        match value:
            case dict():
                return WorkerGroup.model_validate(value)
            case list() | tuple():
                return tuple(WorkerGroup.model_validate(one) for one in value)
        return value

    @model_validator(mode="after")
    def _groups_differ_by_name(self) -> "ClusterSpec":
        names = [group.name for group in self.groups]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            named = f"two worker groups are called {shown_name(twice[0])}"
            msg = f"{named}: give each a `name` of its own"
            raise ValueError(msg)
        if not names:
            msg = "there is no worker group: wanted at least one"
            raise ValueError(msg)
        if len({(group.cpus, group.gpus) for group in self.groups}) > 1:
            msg = (
                "worker groups differ in `cpus` or `gpus`; all workers of a training do the same "
                "work and ask for the same, so give the groups equal ones"
            )
            raise ValueError(msg)
        return self

    def completed(self, *, provisioner: ProvisionerKind, image: str) -> "ClusterSpec":
        """The same, with what it leaves to the environment."""
        return self.model_copy(
            update={"provisioner": self.provisioner or provisioner, "image": self.image or image}
        )

    @property
    def groups(self) -> tuple[WorkerGroup, ...]:
        """The worker groups, one or several."""
        return (self.workers,) if isinstance(self.workers, WorkerGroup) else self.workers

    @property
    def worker_count(self) -> int:
        """Training workers of all groups together, those that it begins with."""
        return sum(group.count for group in self.groups)

    @property
    def is_elastic(self) -> bool:
        """Whether workers come and go."""
        return any(group.most > group.count for group in self.groups)

    @property
    def cpus(self) -> int:
        """CPUs of head and workers together."""
        return self.head.cpus + sum(group.count * group.cpus for group in self.groups)

    @property
    def gpus(self) -> int:
        """GPUs of all workers together."""
        return sum(group.count * group.gpus for group in self.groups)

    @property
    def memory_bytes(self) -> int:
        """Memory of head and workers together."""
        workers = sum(group.count * memory_bytes(group.memory) for group in self.groups)
        return memory_bytes(self.head.memory) + workers

    def in_words(self) -> str:
        """`ephemeral; head 1 CPU, 4Gi; workers 8 × 12 CPU, 80Gi, 1 GPU a100`."""
        head = f"head {self.head.cpus} CPU, {self.head.memory}"
        workers = "; ".join(f"{group.name} {group.in_words()}" for group in self.groups)
        return "; ".join(filter(None, (self.provisioner, head, workers)))

    def spec_hash(self) -> str:
        """Twelve hex digits over the normalised spec; equal hashes may share a cluster."""
        # By `groups`: one group and a list of one are the same cluster.
        # What is not said does not count: the fields came later than some clusters that still run.
        groups = [
            group.model_dump(mode="json", exclude={"min", "max"} if group.max is None else None)
            for group in self.groups
        ]
        text = json.dumps(self.model_dump(mode="json") | {"workers": groups}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
