"""How a model is trained, validated where a person typed it in `defs.yaml`."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class TrainingSpec(BaseModel):
    """What `train.py` is given, and the limits of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: int = Field(
        default=28, ge=2, le=3660, description="Trailing days that a model trains on."
    )
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="Seed of everything random.")
    validation_days: int = Field(
        default=4,
        ge=1,
        description="Days of the window that are kept for early stopping, evenly spread over it.",
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
    checkpoint_every_s: float = Field(
        default=20.0,
        ge=0,
        description="Seconds between checkpoints. One costs 0.1 to 2 s, so 0 (after every epoch) "
        "is for long epochs only.",
    )
    max_runtime_s: int = Field(
        default=6 * 3600, ge=60, description="Limit of the running training, in seconds."
    )

    @model_validator(mode="after")
    def _leaves_days_to_train_on(self) -> "TrainingSpec":
        if self.validation_days >= self.window_days:
            msg = (
                f"validation_days {self.validation_days} leaves nothing of window_days "
                f"{self.window_days} to train on: write 1 … {self.window_days - 1}"
            )
            raise ValueError(msg)
        return self

    @field_validator("parameters")
    @classmethod
    def _are_plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, one in value.items():
            if isinstance(one, float) and not math.isfinite(one):
                msg = f"parameter {name} is {one}; write a finite number"
                raise ValueError(msg)
        return value
