"""What a process on a cluster measures of its work while it runs, as lines of JSON in storage.

A line says its kind and the version of the schema. A reader passes over kinds and versions that it
does not know, and takes a field that is missing for its default, so that an older reader and a
newer writer, or the other way round, get on with each other.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTimes:
    """Where the time of one worker went, over some of its batches.

    Attributes:
        at_s: The end of the stretch, in seconds since 1970.
        rank: The worker.
        node: Address of its node within the cluster; empty if it is not known.
        epoch: Of the last batch.
        batches: How many.
        rows: Rows in them.
        data_s: Waiting for the next batch, in seconds.
        step_s: Between a batch and the demand for the next: computing, and waiting for others.
        cpu_s: Of that, for which the thread had a CPU: the rest it waited, for others or a GPU.
        checkpoint_s: Writing checkpoints: part of `step_s` if that was between two batches, and
            beside it if it was after the last one of an epoch.
    """

    at_s: float
    rank: int = 0
    node: str = ""
    epoch: int = 0
    batches: int = 0
    rows: int = 0
    data_s: float = 0.0
    step_s: float = 0.0
    cpu_s: float = 0.0
    checkpoint_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeUse:
    """What a node of the cluster uses of what it has, as Ray's own metrics say.

    Attributes:
        at_s: When, in seconds since 1970.
        node: Its address within the cluster.
        is_head: Whether the head runs there.
        cpus: CPUs that it has.
        cpu_used: CPUs that are busy.
        memory_bytes: That it has; of a pod, its limit.
        memory_used_bytes: That its processes hold.
        object_store_used_bytes: Of Ray's object store.
        disk_free_bytes: On the disk of Ray's sessions.
        gpus: GPUs that it has.
        gpu_used: GPUs that are busy, as a sum of their shares.
        gpu_memory_bytes: Of all GPUs.
        gpu_memory_used_bytes: Of all GPUs.
    """

    at_s: float
    node: str = ""
    is_head: bool = False
    cpus: float = 0.0
    cpu_used: float = 0.0
    memory_bytes: float = 0.0
    memory_used_bytes: float = 0.0
    object_store_used_bytes: float = 0.0
    disk_free_bytes: float = 0.0
    gpus: float = 0.0
    gpu_used: float = 0.0
    gpu_memory_bytes: float = 0.0
    gpu_memory_used_bytes: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """What was measured of an attempt, each oldest first."""

    steps: tuple[StepTimes, ...] = ()
    nodes: tuple[NodeUse, ...] = ()


Sample = StepTimes | NodeUse
KINDS: Final[Mapping[str, type[Sample]]] = {"step_times": StepTimes, "node_use": NodeUse}
_NAMES: Final = {kind: name for name, kind in KINDS.items()}


def to_line(sample: Sample) -> str:
    """A line of JSON, with its end."""
    return json.dumps({"v": VERSION, "kind": _NAMES[type(sample)], **asdict(sample)}) + "\n"


def from_lines(lines: Iterable[str]) -> Iterator[Sample]:
    """The samples that are understood; a line that is cut, or of another kind, is passed over."""
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and (sample := _sample(found)) is not None:
            yield sample


def _sample(found: Mapping[str, Any]) -> Sample | None:
    kind = KINDS.get(str(found.get("kind")))
    if kind is None or found.get("v") != VERSION:
        return None
    known = {
        field.name: found[field.name]
        for field in fields(kind)
        if field.name in found and _fits(found[field.name], field.type)
    }
    return kind(**known) if "at_s" in known else None


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of its field's type; what is not would be refused by a database."""
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    return type(value) is kind
