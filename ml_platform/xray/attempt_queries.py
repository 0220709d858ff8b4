"""Questions about attempts that an index answers, however many attempts there are."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from ml_platform.xray.schema import ATTEMPTS


def models_query(namespace: str) -> Select[Any]:
    """The models of which a namespace has attempts, by their names.

    It goes from each to the next in an index: for the distinct ones both databases look at all
    attempts.
    """
    ours = ATTEMPTS.c.namespace == namespace
    first = select(func.min(ATTEMPTS.c.model).label("model")).where(ours)
    each = first.cte("each", recursive=True)
    after = select(func.min(ATTEMPTS.c.model)).where(ours, ATTEMPTS.c.model > each.c.model)
    each = each.union_all(select(after.scalar_subquery()).where(each.c.model.is_not(None)))
    return select(each.c.model).where(each.c.model.is_not(None)).order_by(each.c.model)


def ended_since(namespace: str, at_s: float) -> tuple[ColumnElement[bool], ...]:
    """Attempts that have ended since then, where the newest of them are wanted.

    They are gone through from the newest claim on. Where the last of them is claimed an index
    knows; else all that are older would be gone through too, if they are fewer than are wanted.
    """
    ours = ATTEMPTS.c.namespace == namespace
    first = select(func.min(ATTEMPTS.c.claimed_at_s)).where(ours, ATTEMPTS.c.ended_at_s >= at_s)
    # No bare column, or all of a month would be sorted by its claims for a page of fifty.
    still = ATTEMPTS.c.ended_at_s + 0.0 >= at_s
    return still, ATTEMPTS.c.claimed_at_s >= first.scalar_subquery()
