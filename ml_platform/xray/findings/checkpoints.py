"""Checkpoints that take too much of the time, or are too far apart for what is lost.

The best distance is about √(2 · cost of one · time between failures), after Young (1974): "A first
order approximation to the optimum checkpoint interval".
"""

import math
from typing import Final

from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.findings.rank_times import rank_times
from ml_platform.xray.findings.recompute import LEAST_S as LEAST_LOST_S
from ml_platform.xray.findings.recompute import lost
from ml_platform.xray.words import span

OFTEN: Final = "checkpoints_too_often"
SELDOM: Final = "checkpoints_too_seldom"
SHARE: Final = 0.05
"""Of the time. At one failure in a day, the best distance costs 1 %."""
SURE_SHARE: Final = 0.15
WANTED_SHARE: Final = 0.01
LEAST_S: Final = 60.0
"""Measured; a short training ends with one checkpoint that counts for much."""
USUAL_COST_S: Final = 2.0
"""Of one, where it was not measured; one costs 0.1 to 2 s."""
FARTHER: Final = 2.0
"""Than the best distance: up to there the loss grows slowly."""


def checkpoints_too_often(seen: Seen) -> Finding | None:
    """Judged by the share of the time that the rank which writes them took for it."""
    ranks = rank_times(seen.samples.steps)
    writer = max(ranks, key=lambda one: one.checkpoint_s, default=None)
    if writer is None or writer.measured_s < LEAST_S:
        return None
    # Written between epochs they are no part of what was measured in steps.
    share = writer.checkpoint_s / (writer.measured_s + writer.checkpoint_s)
    if share < SHARE:
        return None
    every_s = _every_s(seen)
    wanted_s = max(every_s, 1.0) * share / WANTED_SHARE
    return Finding(
        name=OFTEN,
        sentence=f"Checkpoints took {share:.0%} of the time, while all workers waited.",
        evidence=(
            f"rank {writer.rank}: {span(writer.checkpoint_s)} of "
            f"{span(writer.measured_s + writer.checkpoint_s)} writing them",
            f"checkpoint_every_s is {every_s:g}",
        ),
        confidence="high" if share >= SURE_SHARE else "medium",
        next_step=f"`training: {{checkpoint_every_s: {math.ceil(wanted_s / 10) * 10}}}` in "
        "defs.yaml.",
    )


def checkpoints_too_seldom(seen: Seen) -> Finding | None:
    """Judged by what the failures of the training lost, and how often they came."""
    failures = lost(seen.training)
    lost_s = sum(one.seconds for one in failures)
    ran_s = sum(one.ran_s or 0.0 for one in seen.training)
    every_s = _every_s(seen)
    if not failures or lost_s < LEAST_LOST_S or not every_s:
        return None
    between_s = ran_s / len(failures)
    best_s = math.sqrt(2 * USUAL_COST_S * between_s)
    if every_s <= FARTHER * best_s:
        return None
    return Finding(
        name=SELDOM,
        sentence=f"With {every_s:g} s between checkpoints its failures lost {span(lost_s)}; some "
        f"{best_s:.0f} s would be right for one each {span(between_s)}.",
        evidence=tuple(
            f"attempt {one.attempt.number}: {span(one.seconds)} lost by {one.attempt.cause}"
            for one in failures
        ),
        confidence="medium" if len(failures) > 1 else "low",
        next_step=f"`training: {{checkpoint_every_s: {math.ceil(best_s / 10) * 10}}}` in "
        "defs.yaml, with epochs no longer than that: one is written at the end of an epoch.",
    )


def _every_s(seen: Seen) -> float:
    value = seen.attempt.limits.get("checkpoint_every_s")
    return float(value) if isinstance(value, int | float) else 0.0
