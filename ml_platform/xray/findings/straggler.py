"""One worker takes longer than the others, which wait for it in every step.

Looked for without GPUs alone: there a step without a CPU is no waiting. A worker whose CPU was
taken from it, by a limit or by others on its node, is busy for no longer and is not seen.
"""

from statistics import median
from typing import Final

from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.findings.rank_times import RankTimes, rank_times
from ml_platform.xray.words import span

NAME: Final = "straggler"
BUSIER: Final = 1.3
"""Than the middle one of the others: equal workers on equal nodes differ by some 10 %."""
SURE_BUSIER: Final = 1.6
WAITING: Final = 0.2
"""Share of their steps for which the others wait; one that holds nobody up is no trouble."""
MORE_ROWS: Final = 1.15


def straggler(seen: Seen) -> Finding | None:
    """Judged by what each worker did itself, and how long the others had nothing to do."""
    ranks = rank_times(seen.samples.steps)
    if len(ranks) < 2 or seen.has_gpus:
        return None
    slowest = max(ranks, key=lambda one: one.busy_s)
    others = [one for one in ranks if one is not slowest]
    usual_s = median(one.busy_s for one in others)
    waiting = median(one.waiting_share for one in others)
    times = slowest.busy_s / usual_s if usual_s else float("inf")
    if times < BUSIER or waiting < WAITING or slowest.waiting_share > waiting / 2:
        return None
    where = f" on node {slowest.node}" if slowest.node else ""
    return Finding(
        name=NAME,
        sentence=f"Rank {slowest.rank}{where} took {times:.1f} × as long as the others, which "
        f"waited for it {waiting:.0%} of their steps.",
        evidence=(
            f"rank {slowest.rank}: {_in_words(slowest)}",
            *(f"rank {one.rank}: {_in_words(one)}" for one in others[:3]),
        ),
        confidence="high" if times >= SURE_BUSIER else "medium",
        next_step=_next_step(seen, slowest, others),
    )


def _in_words(one: RankTimes) -> str:
    return (
        f"{span(one.data_s)} for data, {span(one.cpu_s)} computing, {span(one.waiting_s)} waiting, "
        f"{one.rows:,} rows"
    )


def _next_step(seen: Seen, slowest: RankTimes, others: list[RankTimes]) -> str:
    usual_rows = median(one.rows for one in others)
    if slowest.rows > MORE_ROWS * usual_rows:
        return (
            f"it has {slowest.rows:,} rows and the others {usual_rows:,.0f}: look in train.py for "
            "why, the platform gives each the same."
        )
    if seen.attempt.is_open and slowest.node:
        return (
            "see what else is on its node: `kubectl get pods -o wide -l "
            f"ray.io/cluster={seen.attempt.cluster} | grep {slowest.node}`."
        )
    return (
        f"look in train.py for what rank {slowest.rank} does alone; if nothing, its node was slow, "
        f"and `mlp xray findings {seen.attempt.model} PARTITION` of the next training names "
        "another one."
    )
