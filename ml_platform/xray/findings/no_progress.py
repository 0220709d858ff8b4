"""It hung: no epoch, no checkpoint and no line for as long as it may."""

from typing import Final

from ml_platform.clusters.causes import Cause
from ml_platform.xray.findings.finding import Finding, Seen

NAME: Final = "no_progress"


def no_progress(seen: Seen) -> Finding | None:
    """As whoever stopped it saw it."""
    one = seen.attempt
    if one.cause != Cause.NO_PROGRESS.value:
        return None
    return Finding(
        name=NAME,
        sentence=f"It made no progress: {one.message.rstrip('.')}.",
        evidence=one.evidence,
        confidence="high",
        next_step=one.hint or f"`mlp xray logs {one.short_id}` has its last lines.",
    )
