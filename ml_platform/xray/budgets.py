"""What teams and assets may spend in a day or a month, and how much of it they have; pure.

A day and a month are those of UTC. Of an attempt that began before, the part since then counts; of
one that goes on, the part until now. So several that begin at once may go over a budget together.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ml_platform.clusters.kuberay.config import read_values
from ml_platform.clusters.open import BUDGETS
from ml_platform.errors import SettingsError
from ml_platform.settings import Settings
from ml_platform.stages import asset_name
from ml_platform.wrong_values import first_in_words
from ml_platform.xray.costs import HOUR_S, hour_of
from ml_platform.xray.paid import PaidSince
from ml_platform.xray.prices import Prices, spec_of
from ml_platform.xray.words import money

Period = Literal["day", "month"]
Kind = Literal["team", "asset"]
_KEYS: Final[dict[Period, str]] = {"day": "per_day", "month": "per_month"}


class Budget(BaseModel):
    """What may be spent, in the currency of the prices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_day: float | None = Field(default=None, gt=0, description="On a day of UTC.")
    per_month: float | None = Field(default=None, gt=0, description="In a month of UTC.")
    warn_from: float = Field(
        default=0.8, gt=0, le=1, description="Share of it from which on it is warned."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> "Budget":
        if self.per_day is None and self.per_month is None:
            msg = "write `per_day`, `per_month` or both"
            raise ValueError(msg)
        return self

    def amount(self, period: Period) -> float | None:
        """What may be spent in one; None for as much as one likes."""
        return self.per_day if period == "day" else self.per_month


class Budgets(BaseModel):
    """Those of an environment, by team and by asset; who is in neither is not limited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teams: dict[str, Budget] = Field(default_factory=dict)
    assets: dict[str, Budget] = Field(default_factory=dict)

    @field_validator("teams")
    @classmethod
    def _are_named_alone(cls, value: dict[str, Budget]) -> dict[str, Budget]:
        return {name.removeprefix("team:"): one for name, one in value.items()}

    @field_validator("assets")
    @classmethod
    def _are_trained(cls, value: dict[str, Budget]) -> dict[str, Budget]:
        for name in value:
            model = name.partition("/")[0]
            meant = asset_name(model or "NAME", "model")
            if name != meant:
                msg = f"{name!r} is no asset that is trained: write it as {meant}"
                raise ValueError(msg)
        return value

    def of(self, *, team: str, model: str) -> "tuple[Limit, ...]":
        """What limits a training of this model that this team pays for."""
        return tuple(one for one in self.limits() if one.counts(team=team, model=model))

    def limits(self) -> "tuple[Limit, ...]":
        """All of them, those of teams first."""
        of_kinds: tuple[tuple[Kind, dict[str, Budget]], ...] = (
            ("team", self.teams),
            ("asset", self.assets),
        )
        return tuple(
            Limit(kind=kind, name=name, period=period, amount=amount, warn_from=one.warn_from)
            for kind, named in of_kinds
            for name, one in named.items()
            for period in _KEYS
            if (amount := one.amount(period)) is not None
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One amount that somebody may spend in a day or a month.

    Attributes:
        kind: Whether a team or an asset may.
        name: Of the team, without `team:`, or the key of the asset.
        period: In which.
        amount: How much, in the currency of the prices.
        warn_from: Share of it from which on it is warned.
    """

    kind: Kind
    name: str
    period: Period
    amount: float
    warn_from: float

    @property
    def key(self) -> str:
        """Where it is written: `budgets.teams.growth.per_month`."""
        return f"{BUDGETS}.{self.kind}s.{self.name}.{_KEYS[self.period]}"

    def counts(self, *, team: str, model: str) -> bool:
        """Whether a training of this model that this team pays for is one of its."""
        return self.name == (team if self.kind == "team" else asset_name(model, "model"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """How much of a limit is spent.

    Attributes:
        limit: Which.
        amount: What was spent of it in its period, until now.
        unknown: Attempts of that time whose cost is not known, and not in it.
        ends_at_s: When the next period begins, in seconds since 1970.
    """

    limit: Limit
    amount: float
    unknown: int
    ends_at_s: float

    @property
    def is_over(self) -> bool:
        """Whether no more may be spent."""
        return self.amount >= self.limit.amount

    @property
    def is_near(self) -> bool:
        """Whether it is to be warned of."""
        return self.amount >= self.limit.amount * self.limit.warn_from

    @property
    def share(self) -> float:
        """What part of it is spent; more than 1 if it is over."""
        return self.amount / self.limit.amount

    def in_words(self) -> str:
        """`team growth has spent 412.50 of its budget of 500.00 for this month (82 %)`."""
        limit = self.limit
        spent, may = money(self.amount), money(limit.amount)
        when = "today (UTC)" if limit.period == "day" else "this month (UTC)"
        share = f"{100 * self.share:.0f} %"
        left_out = f"; of {self.unknown} of its attempts the cost is unknown"
        return (
            f"{limit.kind} {limit.name} has spent {spent} of its budget of {may} for {when}, "
            f"{share}{left_out if self.unknown else ''}"
        )


def began_s(period: Period, now_s: float) -> float:
    """When the period that goes on began, in seconds since 1970."""
    day = datetime.fromtimestamp(now_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day if period == "day" else day.replace(day=1)).timestamp()


def ends_s(period: Period, now_s: float) -> float:
    """When the next one begins."""
    began = datetime.fromtimestamp(began_s(period, now_s), UTC)
    later = began + timedelta(days=1 if period == "day" else 32)
    return began_s(period, later.timestamp())


def spent(limit: Limit, paid: Iterable[PaidSince], prices: Prices, *, now_s: float) -> Spent:
    """How much of it is spent.

    Args:
        limit: Which.
        paid: Since its period began; what is of others too.
        prices: Of an hour.
        now_s: Now, in seconds since 1970.
    """
    amounts, unknown = [], 0
    for one in paid:
        if not limit.counts(team=one.team, model=one.model):
            continue
        price = hour_of(spec_of(one.spec), prices).price
        if price is None:
            unknown += one.attempts
        else:
            amounts.append(price * one.paid_s / HOUR_S)
    ends_at_s = ends_s(limit.period, now_s)
    return Spent(limit=limit, amount=fsum(amounts), unknown=unknown, ends_at_s=ends_at_s)


def budgets_of(settings: Settings) -> Budgets:
    """The budgets in the file of clusters that the settings name; none without it.

    Raises:
        SettingsError: the file cannot be read, or a key or a value of them is wrong.
    """
    file = settings.clusters_file
    values: Any = read_values(file).get(BUDGETS) if file else None
    try:
        return Budgets.model_validate(values or {})
    except ValidationError as error:
        raise SettingsError(
            f"{file}: {first_in_words(error, under=BUDGETS)}",
            hint="README has the keys of budgets, under X-Ray.",
        ) from None
