"""Which work a backfill is: pure, from the chain of a model and what is there already.

    plan = plan_backfill(chain, days, there=there)

Windows of neighbouring days overlap, so features and training sets are planned for all days at
once, as few ranges of days; model, evaluation and champion follow for each day.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from ml_platform.partitions import day_range, holdout_keys, parse_day, window_keys
from ml_platform.stages import (
    DAY_STAGES,
    FEATURES,
    RANGE_STAGES,
    STAGES,
    Stage,
    asset_key,
    asset_name,
)

# Building a few days again costs less than starting dbt once more.
GAP_DAYS: Final = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """The assets of a model, from the raw tables to the champion.

    Attributes:
        model: Its name.
        window_days: Days that it trains on.
        holdout_days: Days that it is evaluated on.
        sources: Assets without partitions that its features are built from.
        features: Partitioned assets that its training set is made from, itself excepted.
    """

    model: str
    window_days: int
    holdout_days: int
    sources: tuple[str, ...]
    features: tuple[str, ...]

    def assets(self, stage: Stage) -> tuple[str, ...]:
        """The asset keys of a stage."""
        if stage == "source":
            return self.sources
        if stage == "features":
            return self.features
        return (asset_key(self.model, stage).to_user_string(),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One Dagster run: some assets on a range of days; without days for sources."""

    stages: tuple[Stage, ...]
    assets: tuple[str, ...]
    days: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The runs of a backfill, in order.

    Attributes:
        model: The model's name.
        days: The partitions that were asked for.
        shared: Sources, features and training sets.
        by_day: Model, evaluation and champion of each day, oldest first.
        needs: For each day of `by_day`, the days whose training set it needs.
        through: The last stage that is made.
    """

    model: str
    days: tuple[str, ...]
    shared: tuple[Step, ...]
    by_day: tuple[Step, ...]
    needs: Mapping[str, tuple[str, ...]]
    through: Stage = "champion"

    @property
    def steps(self) -> tuple[Step, ...]:
        """All runs."""
        return (*self.shared, *self.by_day)

    @property
    def trainings(self) -> int:
        """How many models are to be trained; fewer are, where equal inputs were before."""
        return sum("model" in step.stages for step in self.by_day)

    @property
    def ready_days(self) -> tuple[str, ...]:
        """Days that were asked for and need nothing."""
        last = self.by_day if self.through in DAY_STAGES else self.shared
        busy = {day for step in last for day in step.days}
        return tuple(day for day in self.days if day not in busy)


def plan_backfill(
    chain: Chain,
    days: Sequence[str],
    *,
    there: Mapping[str, AbstractSet[str]],
    sources_there: AbstractSet[str] = frozenset(),
    redo: bool = False,
    through: Stage = "champion",
) -> Plan:
    """Plan the partitions `days` of a model.

    Args:
        chain: The model's assets.
        days: Partition keys, oldest first.
        there: By asset key, the partitions that are there.
        sources_there: Assets without partitions that are there.
        redo: Do what is there as well, but for sources.
        through: The last stage. Up to the training set it is that of `days` themselves, from the
            model on also those of their windows.
    """

    def missing(key: str, wanted: Iterable[str]) -> set[str]:
        return {day for day in wanted if redo or day not in there.get(key, frozenset())}

    by_day: list[Step] = []
    needs: dict[str, tuple[str, ...]] = {}
    stages = STAGES[: STAGES.index(through) + 1]
    for day in days:
        todo: list[Stage] = []
        for stage in DAY_STAGES:
            # What is downstream of a new model belongs to the old one, and is done again.
            if stage in stages and (todo or missing(asset_name(chain.model, stage), [day])):
                todo.append(stage)
        if todo:
            by_day.append(_day_step(chain, tuple(todo), day))
            needs[day] = tuple(sorted(_needed(chain, todo, day)))
    wanted = {day for needed in needs.values() for day in needed}
    if through in RANGE_STAGES:
        wanted = set(days)
    training_set = missing(asset_name(chain.model, "training_set"), wanted)
    built = wanted if through == FEATURES else training_set
    features = {day for key in chain.features for day in missing(key, built)}
    absent = tuple(key for key in chain.sources if key not in sources_there)
    shared: list[Step] = []
    if absent and features:
        shared.append(Step(stages=("source",), assets=absent))
    by_stage: dict[Stage, set[str]] = {"features": features, "training_set": training_set}
    for range_stage, its_days in by_stage.items():
        if range_stage in stages:
            shared += [
                Step(stages=(range_stage,), assets=chain.assets(range_stage), days=one)
                for one in ranges(its_days)
            ]
    return Plan(
        model=chain.model,
        days=tuple(days),
        shared=tuple(shared),
        by_day=tuple(by_day),
        needs=needs,
        through=through,
    )


def without(step: Step, days: AbstractSet[str]) -> list[Step]:
    """A step on a range of days, less some of them."""
    if days.isdisjoint(step.days):
        return [step]
    left = [day for day in step.days if day not in days]
    return [replace(step, days=one) for one in ranges(left, gap_days=0)]


def ranges(days: Iterable[str], *, gap_days: int = GAP_DAYS) -> list[tuple[str, ...]]:
    """Days as few ranges without holes; a hole of up to `gap_days` is filled."""
    found: list[tuple[str, str]] = []
    for day in sorted(days):
        if found and (parse_day(day) - parse_day(found[-1][1])).days <= gap_days + 1:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return [tuple(day_range(parse_day(first), parse_day(last))) for first, last in found]


def _day_step(chain: Chain, stages: tuple[Stage, ...], day: str) -> Step:
    assets = tuple(key for stage in stages for key in chain.assets(stage))
    return Step(stages=stages, assets=assets, days=(day,))


def _needed(chain: Chain, stages: Sequence[Stage], day: str) -> set[str]:
    needed: set[str] = set()
    if "model" in stages:
        needed.update(window_keys(day, chain.window_days))
    if "evaluation" in stages:
        needed.update(holdout_keys(day, chain.holdout_days))
    return needed
