"""Work that was done again, since what failed had gone further than its last checkpoint."""

from dataclasses import dataclass
from typing import Final

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.words import span

NAME: Final = "recompute"
LEAST_S: Final = 120.0
SHARE: Final = 0.1
"""Of all that the training has run; a restart costs its start anyway."""
SURE_SHARE: Final = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """What an attempt had done and another did again.

    Attributes:
        attempt: Which.
        seconds: From its last checkpoint, or its beginning, to its end.
    """

    attempt: AttemptRecord
    seconds: float


def recompute(seen: Seen) -> Finding | None:
    """Judged by how long the failed attempts of the training had run since their checkpoints."""
    found = lost(seen.training)
    lost_s = sum(one.seconds for one in found)
    ran_s = sum(one.ran_s or 0.0 for one in seen.training if one.key != seen.attempt.key)
    ran_s += seen.times.ran_s or 0.0
    if not ran_s or lost_s < max(LEAST_S, SHARE * ran_s):
        return None
    every_s = seen.attempt.limits.get("checkpoint_every_s")
    written = f" (now {every_s:g})" if isinstance(every_s, int | float) else ""
    return Finding(
        name=NAME,
        sentence=f"{span(lost_s)} of work, {lost_s / ran_s:.0%} of all, was done again after "
        f"{len(found)} {'failure' if len(found) == 1 else 'failures'}.",
        evidence=tuple(
            f"attempt {one.attempt.number}: {span(one.seconds)} since {_since(one.attempt)}, then "
            f"{one.attempt.cause}"
            for one in found
        ),
        confidence="high" if lost_s >= SURE_SHARE * ran_s else "medium",
        next_step=f"a smaller `training: {{checkpoint_every_s: …}}`{written} in defs.yaml; one is "
        "written at the end of an epoch, so shorter epochs may be what it takes.",
    )


def lost(training: tuple[AttemptRecord, ...]) -> tuple[Lost, ...]:
    """What each failed attempt but the last lost, where another went on."""
    found = []
    for one in training[:-1]:
        ran_s = one.ran_s or 0.0
        if one.status != "failed" or not ran_s or one.ended_at_s is None:
            continue
        since_s = one.ended_at_s - ran_s
        if one.checkpoint_attempt == one.number and one.checkpoint_written_at_s is not None:
            since_s = max(since_s, one.checkpoint_written_at_s)
        seconds = min(ran_s, max(0.0, one.ended_at_s - since_s))
        found.append(Lost(attempt=one, seconds=seconds))
    return tuple(found)


def _since(attempt: AttemptRecord) -> str:
    if attempt.checkpoint_attempt == attempt.number:
        return f"its checkpoint of epoch {attempt.checkpoint_epoch}"
    return "its beginning"
