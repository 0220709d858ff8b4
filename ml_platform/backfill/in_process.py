"""A backfill in this process, or in a few like it: one plan, carried out without a server."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from ml_platform.backfill.executor import (
    StepResult,
    held_back,
    settled,
    skipped,
    step_title,
    summary,
)
from ml_platform.backfill.plan import Chain, Plan, Step, plan_backfill
from ml_platform.backfill.progress import Progress
from ml_platform.backfill.runner import limit_pool
from ml_platform.backfill.session import Session
from ml_platform.partitions import day_range, holdout_keys, parse_day, require_days, window_keys
from ml_platform.settings import Settings
from ml_platform.stages import RANGE_STAGES, Stage

POOL: Final = "ray"
ONE_DAY: Final = "ml_platform.backfill.one_day"


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillReport:
    """What a backfill did.

    Attributes:
        model: The model.
        days: The partitions that were asked for.
        reused: Those of them that needed nothing.
        outdated: Those of the reused whose model was trained by another `defs.yaml` or other code.
        results: How each step ended, in order.
        log: File with what the work itself wrote; None when nothing ran.
    """

    model: str
    days: tuple[str, ...]
    reused: tuple[str, ...]
    results: tuple[StepResult, ...]
    outdated: tuple[str, ...] = ()
    log: Path | None = None

    @property
    def succeeded(self) -> bool:
        """Whether everything that was asked for is there now."""
        return all(result.status in ("done", "refused") for result in self.results)


def requested_days(
    chain: Chain, first: str, last: str, settings: Settings, *, through: Stage = "champion"
) -> list[str]:
    """The partitions from `first` to `last`, all of which have their window and held-out days.

    Raises:
        PartitionError: some have not; names the days that have.
    """
    days = day_range(parse_day(first), parse_day(last))
    require_days(days, settings, what=f"a backfill of {chain.model} from {first} to {last}")
    if through in RANGE_STAGES:
        return days
    what = f"a backfill of {chain.model} from {first} to {last}"
    require_days(window_keys(first, chain.window_days), settings, what=what)
    if through != "model":
        require_days(holdout_keys(last, chain.holdout_days), settings, what=what)
    return days


def make_plan(
    session: Session,
    chain: Chain,
    days: Sequence[str],
    *,
    through: Stage = "champion",
    redo: bool = False,
) -> Plan:
    """The plan for what is missing now."""
    return plan_backfill(
        chain,
        days,
        there=session.there(chain),
        sources_there=session.sources_there(chain),
        through=through,
        redo=redo,
    )


def run_plan(
    session: Session, chain: Chain, plan: Plan, *, max_parallel: int | None = None
) -> BackfillReport:
    """Carry out a plan, on this machine.

    Args:
        session: Where to run.
        chain: The model's assets.
        plan: What to run.
        max_parallel: Days that are trained at once, which becomes the limit of the pool `ray`.
    """
    results: list[StepResult] = []
    if plan.steps:
        if max_parallel is not None:
            limit_pool(session.instance, POOL, max_parallel)
        with session.executor(chain) as executor:
            if max_parallel is None or max_parallel == 1 or len(plan.by_day) < 2:
                results = executor.run(plan)
            else:
                results = executor.shared(plan)
                results += _in_parallel(plan, results, max_parallel, executor.progress)
    return BackfillReport(
        model=plan.model,
        days=plan.days,
        reused=plan.ready_days,
        results=tuple(settled(results)),
        log=session.log if plan.steps else None,
    )


def _in_parallel(
    plan: Plan, before: Sequence[StepResult], max_parallel: int, progress: Progress
) -> list[StepResult]:
    """Each day in a process of its own: Dagster runs one run a process."""

    def run(step: Step) -> StepResult:
        held = held_back(step, plan, before)
        if held is not None:
            return held
        result = _in_child(plan.model, step)
        progress.line(result.status, step_title(step.stages, step.days), summary(result))
        return result

    title = f"{len(plan.by_day)} days, {max_parallel} at a time"
    with progress.step(title), ThreadPoolExecutor(max_parallel) as pool:
        return list(pool.map(run, plan.by_day))


def _in_child(model: str, step: Step) -> StepResult:
    command = [sys.executable, "-m", ONE_DAY, model, *step.days, *step.stages]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        return TypeAdapter(StepResult).validate_json(done.stdout)
    except ValidationError:
        return replace(
            skipped(step, f"its process ended with code {done.returncode} and no report"),
            status="failed",
        )
