"""Is anything wrong now, and whose is it? Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ml_platform.clusters.causes import Category, Cause
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.listing import Listed
from ml_platform.xray.story import FORGOTTEN_S
from ml_platform.xray.words import shortened, span

RECENT_S: Final = 86_400.0
"""A failure of before is no news."""
LONG_QUEUED_S: Final = 1800.0
LONG_STARTING_S: Final = 900.0
"""A large image on a new node takes ten minutes."""
MOST_REASON: Final = 160
AUTHOR: Final = "the model's author"
OPERATOR: Final = "whoever runs the clusters"
_WHOSE: Final = {
    Category.APPLICATION: AUTHOR,
    Category.NO_PROGRESS: f"{AUTHOR}, unless a node is unwell",
    Category.INFRASTRUCTURE: OPERATOR,
    Category.HARDWARE: OPERATOR,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Something that is wrong now.

    Attributes:
        attempt: Id of the attempt.
        model: Its model.
        partition: Of what day.
        told: What is wrong.
        whose: Who has to act.
        run: For which run it was.
    """

    attempt: str
    model: str
    partition: str
    told: str
    whose: str
    run: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """Whether anything is wrong now, in a sentence, and what."""

    level: Literal["empty", "well", "wrong"]
    sentence: str
    troubles: tuple[Trouble, ...] = ()


def headline_of(newest: Sequence[Listed], *, now_s: float) -> Headline:
    """What is wrong among the newest attempts, those that go on among them.

    A failed attempt is wrong for a day, unless its partition has a newer one.
    """
    if not newest:
        return Headline(level="empty", sentence="No attempt is known yet.")
    last = _last_of_partitions(newest)
    found = [
        trouble
        for one in newest
        if one.attempt.is_open or one.attempt.id == last[_partition(one.attempt)].id
        if (trouble := _trouble(one, now_s)) is not None
    ]
    goes_on = _going_on([one for one in newest if one.doing is not None])
    if not found:
        return Headline(level="well", sentence=f"Nothing is wrong now; {goes_on}.")
    things = "1 thing is" if len(found) == 1 else f"{len(found)} things are"
    whose = list(dict.fromkeys(one.whose for one in found))
    return Headline(
        level="wrong",
        sentence=f"{things} wrong now, for {' and for '.join(whose)}; {goes_on}.",
        troubles=tuple(found),
    )


def _last_of_partitions(newest: Sequence[Listed]) -> dict[tuple[str, str], AttemptRecord]:
    found: dict[tuple[str, str], AttemptRecord] = {}
    for one in sorted(newest, key=lambda one: one.attempt.claimed_at_s):
        found[_partition(one.attempt)] = one.attempt
    return found


def _partition(one: AttemptRecord) -> tuple[str, str]:
    return one.model, one.partition


def _trouble(one: Listed, now_s: float) -> Trouble | None:
    told, whose = _of_open(one) if one.doing is not None else _of_ended(one.attempt, now_s)
    if not told:
        return None
    return Trouble(
        attempt=one.attempt.id,
        model=one.attempt.model,
        partition=one.attempt.partition,
        told=told,
        whose=whose,
        run=one.attempt.root,
    )


def _of_open(one: Listed) -> tuple[str, str]:
    assert one.doing is not None
    seconds = one.doing.seconds
    reason = f": {shortened(one.doing.reason, MOST_REASON)}" if one.doing.reason else ""
    match one.doing.state:
        case "queued" if seconds > LONG_QUEUED_S:
            return f"has waited in a queue for {span(seconds)}{reason}", OPERATOR
        case "starting" if seconds > LONG_STARTING_S:
            return f"has been starting for {span(seconds)}{reason}", OPERATOR
        case "running":
            limit_s = float(one.attempt.limits.get("max_runtime_s") or 0.0)
            if limit_s and seconds > limit_s + FORGOTTEN_S:
                told = f"has run for {span(seconds)}, and its limit is {span(limit_s)}"
                return f"{told}: nobody may be following it", AUTHOR
    return "", ""


def _of_ended(one: AttemptRecord, now_s: float) -> tuple[str, str]:
    if one.status != "failed" or one.ended_at_s is None or now_s - one.ended_at_s > RECENT_S:
        return "", ""
    place = f" in {one.cause_place}" if one.cause_place else ""
    ago = span(max(0.0, now_s - one.ended_at_s))
    return f"failed {ago} ago by {one.cause}{place}", _whose(one.cause)


def _whose(cause: str) -> str:
    try:
        return _WHOSE[Cause(cause).category]
    except ValueError:  # of a newer program
        return OPERATOR


def _going_on(going: Sequence[Listed]) -> str:
    if not going:
        return "nothing goes on"
    runs = sum(one.doing is not None and one.doing.state == "running" for one in going)
    waits = len(going) - runs
    told = [
        f"{runs} {'attempt runs' if runs == 1 else 'attempts run'}" if runs else "",
        f"{waits} {'waits or starts' if waits == 1 else 'wait or start'}" if waits else "",
    ]
    return " and ".join(filter(None, told))
