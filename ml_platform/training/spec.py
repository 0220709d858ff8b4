"""How a model is trained, validated where a person typed it in `defs.yaml`."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class TrainingSpec(BaseModel):
    """What `train.py` is given, and the limits of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: int = Field(
        default=28, ge=2, le=3660, description="Trailing days that a model trains on."
    )
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="Seed of everything random.")
    validation_share: float = Field(
        default=0.1,
        gt=0,
        le=0.5,
        description="Share of the window's rows that is kept for early stopping, evenly spread.",
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Handed to `train.py` as `run.params`."
    )
    threads: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Threads of torch in each worker. They decide the last bits of a sum and so "
        "belong to the training; `cluster.workers.cpus` does not.",
    )
    worker_retries: int = Field(
        default=2,
        ge=0,
        le=20,
        description="How often a training goes on from its checkpoint after a worker or the driver "
        "died.",
    )
    infrastructure_retries: int = Field(
        default=3,
        ge=0,
        le=20,
        description="How often it goes on after a head, a node or the storage was lost.",
    )
    checkpoint_every_s: float = Field(
        default=20.0,
        ge=0,
        description="Seconds between checkpoints. One costs 0.1 to 2 s, so 0 (after every epoch) "
        "is for long epochs only.",
    )
    max_runtime_s: int = Field(
        default=6 * 3600,
        ge=60,
        description="Seconds after which a training that is still running is stopped. Waiting for "
        "a cluster does not count. Materialized again, it goes on from its last checkpoint.",
    )
    no_progress_s: int = Field(
        default=3600,
        ge=60,
        description="Seconds after which a training that runs, but of which there is no epoch, no "
        "checkpoint and no line of log, is stopped and tried once more on a new cluster. Longer "
        "than its longest epoch, unless `train.py` prints something in between.",
    )

    @property
    def validation_every(self) -> int:
        """Every how many rows one is for validation."""
        return max(2, round(1 / self.validation_share))

    @field_validator("parameters")
    @classmethod
    def _are_plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, one in value.items():
            if isinstance(one, float) and not math.isfinite(one):
                msg = f"parameter {name} is {one}; write a finite number"
                raise ValueError(msg)
        return value
