"""All workers wait in their steps: for each other's messages, and not for one that is slow.

Looked for on Kubernetes alone, as workers on one machine also wait for its CPUs; and without GPUs,
with which a step without a CPU is no waiting.
"""

from typing import Final

from ml_platform.clusters.spec import ON_KUBERNETES
from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.findings.rank_times import rank_times
from ml_platform.xray.findings.straggler import straggler
from ml_platform.xray.words import span

NAME: Final = "communication_bound"
SHARE: Final = 0.4
"""Of the steps of every worker: with that, half as many workers would be about as fast."""
SURE_SHARE: Final = 0.6


def communication_bound(seen: Seen) -> Finding | None:
    """Judged by the worker that waits the least."""
    if seen.attempt.provisioner not in ON_KUBERNETES or seen.has_gpus or straggler(seen):
        return None
    ranks = rank_times(seen.samples.steps)
    if len(ranks) < 2:
        return None
    share = min(one.waiting_share for one in ranks)
    if share < SHARE:
        return None
    batches = sum(one.batches for one in ranks)
    per_batch_s = sum(one.waiting_s for one in ranks) / max(1, batches)
    return Finding(
        name=NAME,
        sentence=f"All its workers waited without computing for {share:.0%} of their steps or "
        "more, and none of them was slower than the others.",
        evidence=(
            *(
                f"rank {one.rank}: {span(one.waiting_s)} of {span(one.step_s)} in steps"
                for one in ranks[:4]
            ),
            f"{1000 * per_batch_s:.0f} ms a batch",
        ),
        confidence="high" if share >= SURE_SHARE else "medium",
        next_step=f"fewer workers: `cluster: {{workers: {{count: {max(1, len(ranks) // 2)}}}}}` in "
        "defs.yaml; or fewer, larger steps: more `rows` in `run.batches` of train.py.",
    )
