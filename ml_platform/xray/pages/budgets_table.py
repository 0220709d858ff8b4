"""The table of budgets on the page of costs: what of each is spent; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final, Literal
from urllib.parse import urlencode

from ml_platform.xray.budgets import Spent
from ml_platform.xray.pages import addresses
from ml_platform.xray.pages.table import Column, utc
from ml_platform.xray.words import moment_and_zone

State = Literal["over", "near", "within"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRow:
    """A budget, and what of it is spent.

    Attributes:
        spent: How much of which.
        share: What part of it that is; more than 1 if it is over.
        state: Whether no more attempts begin, each is warned, or neither.
        address: The page of what it was spent on.
    """

    spent: Spent
    share: float
    state: State
    address: str


COLUMNS: Final[tuple[Column[BudgetRow], ...]] = (
    Column(name="kind", value=lambda one: one.spent.limit.kind),
    Column(name="name", title="Whose", value=lambda one: one.spent.limit.name),
    Column(name="period", title="Period", value=lambda one: one.spent.limit.period),
    Column(name="spent", title="Spent", value=lambda one: one.spent.amount, is_number=True),
    Column(name="limit", title="Limit", value=lambda one: one.spent.limit.amount, is_number=True),
    Column(name="share", title="Share", value=lambda one: one.share, is_number=True),
    Column(name="state", title="State", value=lambda one: one.state),
    Column(name="unknown", value=lambda one: one.spent.unknown, is_number=True),
    Column(name="ends_at", title="Until", value=lambda one: utc(one.spent.ends_at_s)),
)


def budget_rows(found: Sequence[Spent]) -> tuple[BudgetRow, ...]:
    """The rows, the one of which most is spent first."""
    rows = (
        BudgetRow(
            spent=one,
            share=one.share,
            state="over" if one.is_over else "near" if one.is_near else "within",
            address=_address(one),
        )
        for one in found
    )
    return tuple(sorted(rows, key=lambda one: -one.share))


def told_of(rows: Sequence[BudgetRow]) -> tuple[str, ...]:
    """A sentence for each budget that is over or warned of, those that are over first."""
    told = []
    for one in sorted(rows, key=lambda one: one.state != "over"):
        until = moment_and_zone(one.spent.ends_at_s, UTC)
        match one.state:
            case "over":
                told.append(f"{one.spent.in_words()}: no attempt of it begins until {until}")
            case "near":
                told.append(f"{one.spent.in_words()}: each attempt that begins is warned")
            case "within":
                pass
    return tuple(told)


def _address(one: Spent) -> str:
    if one.limit.kind == "team":
        return f"/attempts?{urlencode({'team': one.limit.name})}"
    return addresses.model_page(one.limit.name.partition("/")[0])
