"""The stages of a model, in the order of the flow, and the keys of their assets."""

from enum import StrEnum
from typing import Final

import dagster as dg


class Stage(StrEnum):
    """A stage of the flow: one asset of each model."""

    TRAINING_SET = "training_set"
    MODEL = "model"
    EVALUATION = "evaluation"
    CHAMPION = "champion"


TRAINED_STAGES: Final = (Stage.MODEL, Stage.EVALUATION, Stage.CHAMPION)
"""What follows the data: the stages of a model's own nightly job."""

STAGE_TAG: Final = "ml_platform/stage"
"""On each of a model's assets: which stage of the flow it is."""


def asset_key(model: str, stage: Stage) -> dg.AssetKey:
    """The key of a model's asset: `<model>/<stage>`."""
    return dg.AssetKey([model, stage.value])


def asset_name(model: str, stage: Stage) -> str:
    """The same as text, as people and commands write it."""
    return f"{model}/{stage.value}"
