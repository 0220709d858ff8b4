"""What the trainings of a backfill will cost and take, as the earlier ones of the model did."""

from dataclasses import dataclass, fields

from ml_platform.backfill.plan import Plan
from ml_platform.clusters.open import resolved
from ml_platform.model_folder.read import ModelFolder
from ml_platform.settings import Settings
from ml_platform.xray.forecast import Forecast, forecast_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """Of all trainings of a plan.

    Attributes:
        trainings: How many there are at most: equal inputs are not trained twice.
        seconds: One after another, of all; None where no earlier training is known.
        cost: Of all; None where that of the earlier ones is not known.
        each: What it is judged by.
        trouble: What kept X-Ray from being asked, in words; empty if nothing did.
    """

    trainings: int
    seconds: float | None = None
    cost: float | None = None
    each: Forecast | None = None
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedPlan(Plan):
    """A plan, with what its trainings are expected to cost and take."""

    expected: Expected


def expected_of(plan: Plan, model: ModelFolder, settings: Settings) -> ExpectedPlan:
    """The plan with what is expected of it; that X-Ray cannot be asked fails nothing.

    Raises:
        InputError: the model's cluster is none that there is.
    """
    known = {one.name: getattr(plan, one.name) for one in fields(Plan)}
    return ExpectedPlan(**known, expected=_expected(plan, model, settings))


def _expected(plan: Plan, model: ModelFolder, settings: Settings) -> Expected:
    if not plan.trainings:
        return Expected(trainings=0, seconds=0.0, cost=0.0)
    found = forecast_of(settings, plan.model, resolved(settings, model.plan.cluster))
    each = found.forecast
    if each is None:
        return Expected(trainings=plan.trainings, trouble=found.trouble)
    return Expected(
        trainings=plan.trainings,
        seconds=each.seconds * plan.trainings,
        cost=None if each.cost is None else each.cost * plan.trainings,
        each=each,
    )
