"""The claim of an attempt, and which attempts before it count."""

import math
import uuid
from collections.abc import Iterable

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.interface import Provisioner
from ml_platform.clusters.ladder import Budgets
from ml_platform.training.record import Attempt, Claim, Ended, Owner
from ml_platform.training.request import TrainingRequest
from ml_platform.training.spec import TrainingSpec


def new_claim(
    number: int,
    request: TrainingRequest,
    provisioner: Provisioner,
    owner: Owner,
    *,
    worker_restarts: int,
    at_s: float,
) -> Claim:
    """The claim of an attempt of this number, on a cluster of its own."""
    key, spec = request.job_key(), request.cluster
    abandoned = provisioner.abandoned_after_s
    return Claim(
        number=number,
        owner=owner,
        provisioner=provisioner.kind,
        place=provisioner.place,
        abandoned_after_s=abandoned if math.isfinite(abandoned) else None,
        cluster=provisioner.cluster_name(key, number, spec),
        spec=spec,
        training=request.training,
        submission_id=key.submission_id(number),
        worker_restarts=worker_restarts,
        platform_version=request.platform_version,
        storage_root=request.storage_root,
        claimed_at_s=at_s,
        nonce=uuid.uuid4().hex,
    )


def budgets_of(training: TrainingSpec, spent_s: float) -> Budgets:
    """How often what may be tried again.

    Args:
        training: The limits that people wrote.
        spent_s: How long the attempts before have run.
    """
    return Budgets(
        worker_lost=training.worker_retries,
        infrastructure=training.infrastructure_retries,
        # One that hung until its limit has left no time for another.
        no_progress=1 if spent_s < training.max_runtime_s else 0,
    )


def failed_of(root: str, attempts: Iterable[Attempt]) -> list[tuple[Claim, Ended]]:
    """Those of a root run that have failed."""
    found = []
    for attempt in attempts:
        claim, ended = attempt.claim(), attempt.ended()
        if claim and ended and ended.failure and claim.owner.root == root:
            found.append((claim, ended))
    return found


def was_anothers_interrupt(ended: Ended, me: Owner) -> bool:
    """Whether a step was interrupted that nobody wanted cancelled: we came after it.

    Dagster retries no run that a person has cancelled, but one whose machine was taken away; where
    it was a pod, the run is resumed under the same id.
    """
    by = ended.seen_by
    return (
        ended.failure is not None
        and ended.failure.cause is Cause.CANCELLED
        and ended.failure.place.kind == "step"
        and (by.run, by.process) != (me.run, me.process)
    )
