"""GPUs that are paid for and do nothing."""

from typing import Final

from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.words import money, span

NAME: Final = "idle_gpus"
SHARE: Final = 0.5
"""Of the time: with that, half of the GPUs would do."""
SURE_SHARE: Final = 0.75
LEAST_RAN_S: Final = 300.0


def idle_gpus(seen: Seen) -> Finding | None:
    """Judged by their mean use while the driver ran."""
    nodes = [one for one in seen.samples.nodes if one.gpus]
    ran_s = seen.times.ran_s or 0.0
    if not nodes or ran_s < LEAST_RAN_S:
        return None
    gpus = sum({one.node: one.gpus for one in nodes}.values())
    share = 1 - sum(one.gpu_used for one in nodes) / sum(one.gpus for one in nodes)
    if share < SHARE:
        return None
    idle_s = share * gpus * ran_s
    price = seen.prices.gpu
    cost = f", {money(price * idle_s / 3600)} at their price" if price else ""
    peak = max(one.gpu_used / one.gpus for one in nodes)
    return Finding(
        name=NAME,
        sentence=f"Its {gpus:.0f} GPUs did nothing {share:.0%} of the time: {span(idle_s)} of one "
        f"GPU{cost}.",
        evidence=(
            f"busy {1 - share:.0%} on average and at most {peak:.0%}",
            f"ran for {span(ran_s)}",
        ),
        confidence="high" if share >= SURE_SHARE else "medium",
        next_step="larger batches in train.py (`rows` of `run.batches`), or fewer GPUs "
        "(`cluster: {workers: {count: …}}`); whether they wait for data, the finding input_bound "
        "says.",
    )
