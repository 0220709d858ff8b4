"""What follows an attempt that has ended: a pure decision from the attempts and their budgets.

The caller waits, claims and removes. Decisions carry the words of Ray's coming health framework:
NOOP, REATTEMPT, EVICT.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ml_platform.clusters.causes import Cause, Place

FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 300.0


class Action(Enum):
    """What to do."""

    REATTEMPT = "again on this cluster"
    EVICT = "again on a new cluster"
    CLIMB = "again with more memory"
    WAIT = "wait, then again"
    GIVE_UP = "give up"


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedAttempt:
    """What the ladder needs of an attempt that failed.

    Attributes:
        cause: Why it ended.
        place: Where.
        progressed: Whether it left a newer checkpoint than there was.
        worker_restarts: How often its workers were started again inside the job.
        rung: Its position on the memory ladder, from 0.
    """

    cause: Cause
    place: Place
    progressed: bool
    worker_restarts: int = 0
    rung: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budgets:
    """How many more times each kind of trouble may be tried, over all attempts of one root run.

    Attributes:
        worker_lost: Workers or drivers that died, restarts inside a job included.
        infrastructure: Heads and nodes that were lost, storage that stayed away.
        start_failed: Clusters that never became ready.
        out_of_memory: On the same rung, where there is none above.
        no_progress: Trainings that hung: once more, as what hung may have been a node or a network.
        platform: Defects of the platform's own.
        without_checkpoint: Attempts in a row without a newer checkpoint, after which it ends.
        top_rung: The last position of the memory ladder; 0 where memory is not what limits.
    """

    worker_lost: int = 2
    infrastructure: int = 3
    start_failed: int = 1
    out_of_memory: int = 1
    no_progress: int = 1
    platform: int = 0
    without_checkpoint: int = 3
    top_rung: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do, why, and after how many seconds; `place` is what is to have more memory."""

    action: Action
    reason: str
    pause_s: float = 0.0
    place: Place | None = None


def decide(attempts: Sequence[EndedAttempt], budgets: Budgets) -> Decision:
    """What follows the last of `attempts`, oldest first, of which there is at least one.

    User code, bad input, a loss that is no number, a limit and a person's wish end a training; what
    can go otherwise next time is tried again within its budget.
    """
    last = attempts[-1]
    spent = Counter(_budget_of(one.cause) for one in attempts)
    spent["worker_lost"] += sum(one.worker_restarts for one in attempts)
    spent["out_of_memory"] -= sum(_may_climb(one) and one.rung < last.rung for one in attempts)
    name = _budget_of(last.cause)
    if name == "":
        return _give_up(f"{last.cause.value} is not tried again")
    idle = _without_progress(attempts)
    if idle >= budgets.without_checkpoint:
        return _give_up(f"{idle} attempts in a row left no newer checkpoint")
    if _may_climb(last) and last.rung < budgets.top_rung:
        return Decision(
            action=Action.CLIMB, place=last.place, reason=f"{last.place} ran out of memory"
        )
    allowed: int = getattr(budgets, name)
    if spent[name] > allowed:
        return _give_up(f"{last.cause.value}: all {allowed} of its retries are spent")
    reason = f"{last.cause.value} in {last.place}, retry {spent[name]} of {allowed}"
    match last.cause:
        case Cause.STORAGE | Cause.START_FAILED:
            pause = min(FIRST_PAUSE_S * 2 ** (spent[name] - 1), LONGEST_PAUSE_S)
            return Decision(action=Action.WAIT, reason=reason, pause_s=pause)
        case Cause.HEAD_LOST | Cause.NODE_LOST | Cause.NO_PROGRESS:
            return Decision(action=Action.EVICT, reason=reason)
        case _:
            return Decision(action=Action.REATTEMPT, reason=reason)


def worker_restarts_left(attempts: Sequence[EndedAttempt], budgets: Budgets) -> int:
    """How often the next attempt may start its workers again inside its job."""
    spent = sum(one.worker_restarts for one in attempts)
    spent += sum(one.cause is Cause.WORKER_LOST for one in attempts)
    return max(0, budgets.worker_lost - spent)


def _give_up(reason: str) -> Decision:
    return Decision(action=Action.GIVE_UP, reason=reason)


def _may_climb(one: EndedAttempt) -> bool:
    """Whether more memory would have helped: that of a GPU is none of a rung's."""
    return one.cause is Cause.OUT_OF_MEMORY and one.place.kind != "gpu"


def _without_progress(attempts: Sequence[EndedAttempt]) -> int:
    count = 0
    for one in reversed(attempts):
        if one.progressed:
            break
        count += 1
    return count


def _budget_of(cause: Cause) -> str:
    """The field of `Budgets` that a cause spends from; empty for what is never tried again."""
    match cause:
        case Cause.WORKER_LOST:
            return "worker_lost"
        case Cause.HEAD_LOST | Cause.NODE_LOST | Cause.STORAGE:
            return "infrastructure"
        case Cause.START_FAILED:
            return "start_failed"
        case Cause.OUT_OF_MEMORY:
            return "out_of_memory"
        case Cause.NO_PROGRESS:
            return "no_progress"
        case Cause.PLATFORM:
            return "platform"
        case _:
            return ""
