"""How a model is trained, validated where a person typed it in `defs.yaml`."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class TrainingSpec(BaseModel):
    """What `train.py` is given, and the limits of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: int = Field(
        default=28, ge=1, le=3660, description="Trailing days that a model trains on."
    )
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="Seed of everything random.")
    validation_fraction: float = Field(
        default=0.1,
        gt=0.0,
        lt=0.5,
        description="Share of the window's rows kept for early stopping, every n-th row.",
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Handed to `train.py` as `run.params`."
    )
    worker_retries: int = Field(
        default=2,
        ge=0,
        le=20,
        description="How often a training goes on from its checkpoint after a worker died.",
    )
    max_runtime_s: int = Field(
        default=6 * 3600, ge=60, description="Limit of the running training, in seconds."
    )

    @field_validator("parameters")
    @classmethod
    def _are_plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, one in value.items():
            if isinstance(one, float) and not math.isfinite(one):
                msg = f"parameter {name} is {one}; write a finite number"
                raise ValueError(msg)
        return value
