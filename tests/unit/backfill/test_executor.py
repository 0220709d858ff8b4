"""What fails in a backfill holds back only what depends on it."""

from collections.abc import Sequence

from ml_platform.backfill.executor import StepResult, held_back, lost_days, settled
from ml_platform.backfill.plan import Chain, plan_backfill
from ml_platform.stages import Stage

CHAIN = Chain(model="ltv", window_days=2, holdout_days=1, sources=(), features=("flights",))
PLAN = plan_backfill(CHAIN, ["2013-03-05", "2013-03-10"], there={})


def result(stage: Stage, days: Sequence[str], *, failed: bool = False) -> StepResult:
    return StepResult(stages=(stage,), days=tuple(days), status="failed" if failed else "done")


def test_a_day_is_held_back_when_a_training_set_of_its_window_is_lost() -> None:
    lost = [result("training_set", ["2013-03-04"], failed=True)]
    first, second = PLAN.by_day
    held = held_back(first, PLAN, lost)
    assert held is not None
    assert "2013-03-04" in held.message
    assert held_back(second, PLAN, lost) is None


def test_a_day_that_was_made_on_its_own_after_its_range_failed_is_not_lost() -> None:
    days = ["2013-03-04", "2013-03-05"]
    results = [
        result("training_set", days, failed=True),
        result("training_set", days[:1]),
        result("training_set", days[1:], failed=True),
    ]
    assert lost_days(results) == {"2013-03-05"}


def test_a_range_that_was_tried_day_by_day_is_not_reported_twice() -> None:
    days = ["2013-03-04", "2013-03-05"]
    results = [result("training_set", days, failed=True), result("training_set", days[:1])]
    assert settled(results) == results[1:]
