"""How a model is judged, validated where a person typed it in `defs.yaml`."""

from pydantic import BaseModel, ConfigDict, Field

from ml_platform.evaluation.gates import Gates


class EvaluationSpec(BaseModel):
    """The held-out days, and what a model must reach on them to become the champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holdout_days: int = Field(
        default=1, ge=1, le=366, description="Days after the partition that the model is scored on."
    )
    gates: Gates = Field(default=(), description="All must pass before the champion moves.")
