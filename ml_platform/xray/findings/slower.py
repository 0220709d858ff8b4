"""It ran for longer than those of the partitions before it."""

from statistics import median
from typing import Final

from ml_platform.xray.findings.finding import Finding, Past, Seen
from ml_platform.xray.words import span

NAME: Final = "slower"
NEWEST: Final = 10
LEAST_EARLIER: Final = 5
TIMES: Final = 1.5
"""A window's rows differ by up to a quarter between seasons, and nodes by some 10 %."""
SURE_TIMES: Final = 2.0
LEAST_MORE_S: Final = 60.0
_DECIDE: Final = ("parameters", "window_days")


def slower(seen: Seen) -> Finding | None:
    """Judged by the middle one of the newest that ran on an equal cluster and from the beginning.

    Of one that goes on, by how long it has run already.
    """
    ran_s = seen.times.ran_s
    one = seen.attempt
    if ran_s is None or one.number > 1 or one.status in ("failed", "superseded"):
        return None
    like = [past for past in seen.earlier if _is_like(past, seen)][:NEWEST]
    if len(like) < LEAST_EARLIER:
        return None
    usual_s = median(past.times.ran_s or 0.0 for past in like)
    if ran_s < TIMES * usual_s or ran_s - usual_s < LEAST_MORE_S:
        return None
    reference = like[0].attempt
    return Finding(
        name=NAME,
        sentence=f"It {'has run' if one.is_open else 'ran'} for {span(ran_s)}, "
        f"{ran_s / usual_s:.1f} × as long as is usual.",
        evidence=(
            f"the middle of the {len(like)} partitions before it, on an equal cluster: "
            f"{span(usual_s)}",
            f"the newest of them, {reference.partition}: {span(like[0].times.ran_s or 0.0)}",
        ),
        confidence="high" if ran_s >= SURE_TIMES * usual_s else "medium",
        next_step=f"compare with `mlp xray findings {one.model} {reference.partition}`: data, code "
        "and nodes are what may differ.",
    )


def _is_like(past: Past, seen: Seen) -> bool:
    mine, its = seen.attempt, past.attempt
    return (
        bool(past.times.ran_s)
        and its.number == 1
        and its.partition != mine.partition
        and its.spec_in_words == mine.spec_in_words
        and all(its.limits.get(name) == mine.limits.get(name) for name in _DECIDE)
    )
