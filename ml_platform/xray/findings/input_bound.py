"""Workers wait for data: the GPU or CPU that is paid for has nothing to do."""

from typing import Final

from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.findings.rank_times import rank_times
from ml_platform.xray.words import span

NAME: Final = "input_bound"
SHARE: Final = 0.3
"""Below that, a training that waited for no data at all would not be half as long again."""
SURE_SHARE: Final = 0.5
SMALL_BATCH: Final = 4096
"""Rows: up to here a batch costs more by itself than by its rows."""
LINES: Final = 4


def input_bound(seen: Seen) -> Finding | None:
    """Judged by the share of their time that all workers together waited for data."""
    ranks = rank_times(seen.samples.steps)
    measured_s = sum(one.measured_s for one in ranks)
    if not measured_s:
        return None
    data_s = sum(one.data_s for one in ranks)
    share = data_s / measured_s
    if share < SHARE:
        return None
    rows = sum(one.rows for one in ranks) / max(1, sum(one.batches for one in ranks))
    slowest = sorted(ranks, key=lambda one: -one.data_s)[:LINES]
    return Finding(
        name=NAME,
        sentence=f"Its workers waited for data {share:.0%} of the time.",
        evidence=(
            *(
                f"rank {one.rank}: {span(one.data_s)} of {span(one.measured_s)} for data"
                for one in slowest
            ),
            f"rows a batch: {rows:,.0f}",
        ),
        confidence="high" if share >= SURE_SHARE else "medium",
        next_step=_next_step(seen, rows),
    )


def _next_step(seen: Seen, rows: float) -> str:
    if rows < SMALL_BATCH:
        return (
            "larger batches in train.py, as each costs something by itself: "
            f'`run.batches("train", epoch=epoch, rows={SMALL_BATCH})`.'
        )
    workers = seen.spec.worker_count if seen.spec else 1
    return (
        "more workers, each of which reads its part of the rows: "
        f"`cluster: {{workers: {{count: {2 * workers}}}}}` in defs.yaml; or less work on each row "
        "in the feature tables than in train.py."
    )
