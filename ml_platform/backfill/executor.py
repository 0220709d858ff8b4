"""Carries out a backfill's plan in this process: what fails holds back only what depends on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ml_platform.backfill.plan import Chain, Plan, Step, without
from ml_platform.backfill.progress import Progress
from ml_platform.backfill.runner import Runner, RunOutcome
from ml_platform.errors import ChecksFailedError, InputError, PlatformError
from ml_platform.partitions import days_in_words
from ml_platform.stages import RANGE_STAGES, Stage

Status = Literal["done", "refused", "failed", "skipped"]

TITLES: Final[dict[Stage, str]] = {
    "source": "raw data and staging",
    "features": "features",
    "training_set": "training sets",
    "model": "model",
    "evaluation": "evaluation",
    "champion": "champion",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """How a step of the plan ended.

    Attributes:
        stages: The stages that it makes.
        days: Their partitions.
        status: `refused`: all ran, but a gate said no and the champion stays.
        seconds: How long it took.
        message: Why it failed, was refused or skipped.
        hint: What to do.
        wrong_input: Whether the user's words are to blame, and not one of the days.
        run_ids: The Dagster runs.
        metadata: By asset key, what the runs recorded.
    """

    stages: tuple[Stage, ...]
    days: tuple[str, ...]
    status: Status
    seconds: float = 0.0
    message: str = ""
    hint: str = ""
    wrong_input: bool = False
    run_ids: tuple[str, ...] = ()
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The step in words."""
        return step_title(self.stages, self.days)


class Executor:
    """Runs the steps of plans.

    Args:
        chain: The model's assets.
        runner: Makes Dagster runs.
        progress: Shows them.
    """

    def __init__(self, chain: Chain, runner: Runner, progress: Progress) -> None:
        self.progress = progress
        self._chain = chain
        self._runner = runner

    def run(self, plan: Plan) -> list[StepResult]:
        """All steps of a plan, one after the other."""
        results = self.shared(plan)
        for step in plan.by_day:
            results.append(held_back(step, plan, results) or self.day(step))
        return results

    def shared(self, plan: Plan) -> list[StepResult]:
        """Sources, features and training sets."""
        results: list[StepResult] = []
        for planned in plan.shared:
            if any(one.stages == ("source",) and one.status == "failed" for one in results):
                results.append(skipped(planned, "there is no raw data to build them from"))
                continue
            failed = lost_days(results)
            lost = tuple(day for day in planned.days if day in failed)
            if lost:
                without_features = replace(planned, days=lost)
                results.append(skipped(without_features, "their features could not be built"))
            for step in without(planned, failed):
                results += self._range(step)
        return results

    def day(self, step: Step, *, config: dict[str, Any] | None = None) -> StepResult:
        """Model, evaluation and champion of one day; `config` is that of assets by key."""
        with self.progress.step(step_title(step.stages, step.days)) as shown:
            outcomes = [self._runner.run(step.assets, step.days, config=config)]
            refused = self._gates_failed(outcomes[0])
            if refused and "champion" in step.stages:
                # The champion's own asset records why it stays where it is.
                outcomes.append(self._runner.run(self._chain.assets("champion"), step.days))
                refused = outcomes[-1].succeeded
            result = _result(step, outcomes, refused=refused)
            shown.status, shown.detail = result.status, summary(result)
        return result

    def _range(self, step: Step) -> list[StepResult]:
        result = self._run(step)
        # Which day of a range of training sets is at fault only each of them can tell.
        if step.stages != ("training_set",) or len(step.days) == 1:
            return [result]
        if result.status != "failed" or result.wrong_input:
            return [result]
        by_day: list[StepResult] = []
        for day in step.days:
            by_day.append(self._run(replace(step, days=(day,))))
            if len(by_day) == 2 and {one.message for one in by_day} == {result.message}:
                return [result]  # no day is at fault: all fail alike
        return by_day

    def _run(self, step: Step) -> StepResult:
        with self.progress.step(step_title(step.stages, step.days)) as shown:
            result = _result(step, [self._runner.run(step.assets, step.days)])
            shown.status, shown.detail = result.status, summary(result)
        return result

    def _gates_failed(self, outcome: RunOutcome) -> bool:
        evaluation = self._chain.assets("evaluation")
        return isinstance(outcome.error, ChecksFailedError) and any(
            not check.passed and check.asset in evaluation for check in outcome.checks
        )


def held_back(step: Step, plan: Plan, results: Iterable[StepResult]) -> StepResult | None:
    """The result of a day's step that cannot run, as days that it needs are lost; else None."""
    lost = sorted(lost_days(results).intersection(plan.needs[step.days[0]]))
    if not lost:
        return None
    return skipped(step, f"it needs the training sets of {', '.join(lost[:4])}")


def lost_days(results: Iterable[StepResult]) -> set[str]:
    """Days whose features or training sets are not there after `results`."""
    last: dict[tuple[Stage, str], Status] = {}
    for result in results:
        if result.stages[0] in RANGE_STAGES:
            for day in result.days:  # a later try of the same day is the one that counts
                last[result.stages[0], day] = result.status
    return {day for (_, day), status in last.items() if status in ("failed", "skipped")}


def skipped(step: Step, reason: str) -> StepResult:
    """A step that was not run."""
    return StepResult(stages=step.stages, days=step.days, status="skipped", message=reason)


def failed_step(step: Step, error: PlatformError) -> StepResult:
    """A step that an error ended."""
    return StepResult(
        stages=step.stages,
        days=step.days,
        status="failed",
        message=error.message,
        hint=error.hint,
        wrong_input=isinstance(error, InputError),
    )


def settled(results: Sequence[StepResult]) -> list[StepResult]:
    """`results` without a failed range whose days were then tried one by one."""
    return [
        one
        for position, one in enumerate(results)
        if not any(
            later.stages == one.stages and set(later.days) < set(one.days)
            for later in results[position + 1 :]
        )
    ]


def step_title(stages: Sequence[Stage], days: Sequence[str]) -> str:
    """`model, evaluation, champion 2013-03-15`."""
    names = ", ".join(TITLES[stage] for stage in stages)
    return f"{names}  {days_in_words(days)}".rstrip()


def summary(result: StepResult) -> str:
    """What came of a step, in a few words."""
    if result.status != "done":
        return result.message.splitlines()[0] if result.message else ""
    words = []
    for key, values in result.metadata.items():
        if key.endswith("/model"):
            again = "version {} (trained before)" if values.get("reused") else "version {}"
            words.append(again.format(values.get("registry_version")))
        if key.endswith("/evaluation") and values.get("roc_auc") is not None:
            words.append(f"ROC AUC {values['roc_auc']:.3f}")
        if key.endswith("/champion"):
            words.append("is champion" if values.get("promoted") else "champion stays")
    if not words and len(result.days) > 1:
        words.append(f"{len(result.days)} days")
    return ", ".join(words)


def _result(step: Step, outcomes: Sequence[RunOutcome], *, refused: bool = False) -> StepResult:
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    error: PlatformError | None = errors[-1] if errors else None
    status: Status = "done" if error is None else "refused" if refused else "failed"
    return StepResult(
        stages=step.stages,
        days=step.days,
        status=status,
        seconds=sum(outcome.seconds for outcome in outcomes),
        message=error.message if error else "",
        hint=error.hint if error else "",
        wrong_input=isinstance(error, InputError),
        run_ids=tuple(outcome.run_id for outcome in outcomes),
        metadata={key: value for one in outcomes for key, value in one.metadata.items()},
    )
