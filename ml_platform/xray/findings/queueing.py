"""It waited in a queue for longer than such trainings do."""

from statistics import median
from typing import Final

from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.words import span

NAME: Final = "queueing"
LEAST_S: Final = 300.0
"""Nobody is held up by less."""
TIMES: Final = 3.0
"""What is usual varies with the hour of the day by a factor of two."""
LEAST_EARLIER: Final = 5


def queueing(seen: Seen) -> Finding | None:
    """Judged by the middle one of the earlier attempts of the model."""
    queued_s = seen.times.queued_s or 0.0
    if queued_s < LEAST_S or len(seen.earlier) < LEAST_EARLIER:
        return None
    usual_s = median(one.times.queued_s or 0.0 for one in seen.earlier)
    if queued_s <= TIMES * usual_s:
        return None
    queue = seen.spec.queue if seen.spec else ""
    return Finding(
        name=NAME,
        sentence=f"It waited {span(queued_s)} in its queue, where {span(usual_s)} is usual.",
        evidence=(
            f"the middle of the {len(seen.earlier)} trainings of {seen.attempt.model} before it: "
            f"{span(usual_s)}",
            *([f"queue {queue}"] if queue else []),
        ),
        confidence="high",
        next_step=f"`mlp cluster show {seen.attempt.cluster}` says what it waits for now."
        if seen.attempt.is_open
        else "`mlp xray ls` shows what ran at that time; a `priority` or another `queue` of "
        "`cluster` in defs.yaml goes first.",
    )
