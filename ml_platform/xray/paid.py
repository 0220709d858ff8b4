"""For how long the clusters of attempts were paid for, summed by the database.

What costs are made of, as `costs.cost_of` makes it of one attempt: read one by one, those of a
quarter would take a second. Attempts of equal specs cost the same an hour, so that of each part one
row a spec is read.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Column, ColumnElement, Select, and_, case, func, or_, select, text
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from ml_platform.xray.rows import SPEC_TEXT
from ml_platform.xray.schema import ATTEMPTS

By = Literal["model", "partition", "team", "backfill", "run", "cause"]
"""What the attempts of a part have in common."""
Columns = ReadOnlyColumnCollection[str, Column[Any]]
Asked = Callable[[Columns], Sequence[ColumnElement[bool]]]
"""Conditions on the columns of attempts."""
NO_TEAM: Final = "no team"
"""No name of a team has a space in it, nor has one of a backfill."""
NO_BACKFILL: Final = "no backfill"


@dataclass(frozen=True, kw_only=True, slots=True)
class PaidTime:
    """Attempts of one part that have asked for equal clusters.

    Attributes:
        name: What they have in common, as a model, a team or a cause.
        spec: The cluster that each has asked for.
        attempts: How many.
        paid_s: For how long their clusters were paid for, together.
        idle_s: Of that, before their drivers began and after they ended.
        wasted_s: Of that, of those that failed, and nobody went on from a checkpoint of them.
    """

    name: str
    spec: Mapping[str, Any]
    attempts: int
    paid_s: float
    idle_s: float
    wasted_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PaidSince:
    """Attempts of a team's model on equal clusters, which were paid for in a span of time.

    Attributes:
        team: Who pays for them; empty if nobody was noted.
        model: Theirs.
        spec: The cluster that each has asked for.
        attempts: How many.
        paid_s: For how long their clusters were paid for in that span, together.
    """

    team: str
    model: str
    spec: Mapping[str, Any]
    attempts: int
    paid_s: float


def lived(namespace: str, since_s: float | None, **chosen: str) -> Asked:
    """Of a namespace those that have lived since then, if a time is given.

    Args:
        namespace: Which.
        since_s: In seconds since 1970.
        **chosen: Values of columns, each of which is asked for unless it is empty.
    """

    def asked(one: Columns) -> list[ColumnElement[bool]]:
        ours = one.namespace == namespace
        found = [one[name] == value for name, value in chosen.items() if value]
        if since_s is None:
            return [ours, *found]
        # The namespace with each, so that each is looked for in an index of its own.
        alive = or_(and_(ours, one.status == "open"), and_(ours, one.ended_at_s >= since_s))
        return [alive, *found]

    return asked


def paid_times_query(by: By, asked: Asked, *, now_s: float) -> Select[Any]:
    """The question whose rows `paid_times_of` reads.

    Args:
        by: What the attempts of a part have in common.
        asked: Of which attempts, of any alias of their table.
        now_s: Now, in seconds since 1970, for those that go on.
    """
    one = ATTEMPTS.c
    end_s = func.coalesce(one.ended_at_s, now_s)
    # One that never was ready is not paid for: no comparison with nothing holds.
    paid_s = case((end_s > one.ready_at_s, end_s - one.ready_at_s), else_=0.0)
    ran_s = func.coalesce(one.ran_s, end_s - one.started_at_s, 0.0)
    idle_s = case((ran_s < 0.0, paid_s), (ran_s < paid_s, paid_s - ran_s), else_=0.0)
    wasted_s = case((and_(one.status == "failed", ~_was_used(asked)), paid_s), else_=0.0)
    name = _NAMES[by].label("part")
    spec = SPEC_TEXT.label("spec_text")
    sums: list[Any] = [func.sum(each) for each in (paid_s, idle_s, wasted_s)]
    columns = [name, spec, func.count(), *sums]
    query = select(*columns).where(*asked(one))
    part = (text("part"), text("spec_text"))
    return query.group_by(*part).order_by(*part)


def paid_times_of(rows: Iterable[Sequence[Any]]) -> list[PaidTime]:
    """What was paid for; equal specs are one object."""
    specs: dict[str, Mapping[str, Any]] = {}
    found = []
    for name, spec_text, attempts, paid_s, idle_s, wasted_s in rows:
        spec = specs.get(spec_text)
        if spec is None:
            spec = specs[spec_text] = json.loads(spec_text)
        found.append(
            PaidTime(
                name=name,
                spec=spec,
                attempts=attempts,
                paid_s=paid_s,
                idle_s=idle_s,
                wasted_s=wasted_s,
            )
        )
    return found


def paid_since_query(asked: Asked, *, since_s: float, now_s: float) -> Select[Any]:
    """The question whose rows `paid_since_of` reads.

    Args:
        asked: Of which attempts.
        since_s: What was paid before counts for nothing.
        now_s: Now, in seconds since 1970, for those that go on.
    """
    one = ATTEMPTS.c
    began_s = case((one.ready_at_s > since_s, one.ready_at_s), else_=since_s)
    paid_s = func.coalesce(one.ended_at_s, now_s) - began_s
    part: list[Any] = [one.team, one.model, SPEC_TEXT.label("spec_text")]
    query = select(*part, func.count(), func.sum(paid_s))
    query = query.where(*asked(one), one.ready_at_s.is_not(None), paid_s > 0.0)
    same = (one.team, one.model, text("spec_text"))
    return query.group_by(*same).order_by(*same)


def paid_since_of(rows: Iterable[Sequence[Any]]) -> list[PaidSince]:
    """What was paid for, one for each spec of a team's model."""
    return [
        PaidSince(
            team=team, model=model, spec=json.loads(spec_text), attempts=attempts, paid_s=paid_s
        )
        for team, model, spec_text, attempts, paid_s in rows
    ]


def _was_used(asked: Asked) -> ColumnElement[bool]:
    """Whether a later attempt of the training took its checkpoint, as `costs.used` has it."""
    failed, took, next_one = ATTEMPTS.c, ATTEMPTS.alias("took"), ATTEMPTS.alias("next_one")
    return (
        select(took.c.number)
        .join(next_one, and_(*_same_training(took.c, next_one.c), *asked(next_one.c)))
        .where(
            *_same_training(failed, took.c),
            *asked(took.c),
            took.c.checkpoint_attempt == failed.number,
            next_one.c.number == took.c.number + 1,
        )
        .exists()
    )


def _same_training(one: Columns, other: Columns) -> Iterator[ColumnElement[bool]]:
    return (one[name] == other[name] for name in ("namespace", "training", "partition"))


_NAMES: Final[Mapping[By, ColumnElement[str]]] = {
    "model": ATTEMPTS.c.model,
    "partition": ATTEMPTS.c.model + " of " + ATTEMPTS.c.partition,
    "team": case((ATTEMPTS.c.team != "", ATTEMPTS.c.team), else_=NO_TEAM),
    "backfill": case((ATTEMPTS.c.backfill != "", ATTEMPTS.c.backfill), else_=NO_BACKFILL),
    "run": ATTEMPTS.c.root,
    "cause": case((ATTEMPTS.c.cause != "", ATTEMPTS.c.cause), else_=ATTEMPTS.c.status),
}
