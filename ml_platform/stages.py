"""The stages of the flow, in its order, and the keys of each model's assets."""

from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    import dagster as dg

ModelStage = Literal["training_set", "model", "evaluation", "champion"]
"""A stage that is an asset of each model."""
DayStage = Literal["model", "evaluation", "champion"]
"""One that is made day by day."""
LastStage = Literal["features", "training_set", "model", "evaluation", "champion"]
"""One after which the flow may stop."""
Stage = Literal["source", "features", "training_set", "model", "evaluation", "champion"]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
MODEL_STAGES: Final[tuple[ModelStage, ...]] = get_args(ModelStage)
RANGE_STAGES: Final[tuple[Stage, ...]] = ("features", "training_set")
"""Made for all days of a range at once, as neighbouring windows overlap."""
DAY_STAGES: Final[tuple[DayStage, ...]] = get_args(DayStage)

RAW: Final = "raw"
STAGING: Final = "staging"
FEATURES: Final = "features"
"""Groups of the assets that are no model's own; the last is a stage too."""
TABLE: Final = "table"
"""Stage of a dbt table without days, which features may be made from."""

STAGE_TAG: Final = "ml_platform/stage"
"""On each of a model's assets, and on dbt's tables: which stage of the flow it is."""


def asset_key(model: str, stage: ModelStage) -> "dg.AssetKey":
    """The key of a model's asset: `<model>/<stage>`."""
    import dagster as dg

    return dg.AssetKey([model, stage])


def asset_name(model: str, stage: ModelStage) -> str:
    """The key as people and plans write it.

    Put together here: who only reads what was trained does not wait for Dagster's import.
    """
    return f"{model}/{stage}"
