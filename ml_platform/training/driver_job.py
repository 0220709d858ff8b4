"""The Ray job that is an attempt's driver."""

from collections.abc import Mapping
from typing import Final

from ml_platform.clusters.interface import Entrypoint
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.training.record import Claim, TrainingRecord
from ml_platform.training.request import TrainingRequest

ENTRYPOINT_MODULE: Final = "ml_platform.training.entrypoint"


def driver_job(
    request: TrainingRequest, record: TrainingRecord, claim: Claim, env: Mapping[str, str]
) -> JobRequest:
    """The job of an attempt; `env` is what it gets beside its cluster's own."""
    key = request.job_key()
    return JobRequest(
        submission_id=claim.submission_id,
        entrypoint=Entrypoint(
            module=ENTRYPOINT_MODULE,
            arguments=(record.folder.uri, str(claim.number)),
            # Ray would set it to the worker's CPUs, which do not decide what is learned.
            env={"OMP_NUM_THREADS": str(request.training.threads), **env},
        ),
        # What Ray keeps beside the job, for those who look at its dashboard.
        metadata={
            "asset": key.asset,
            "partition": key.partition,
            "training": key.training,
            "attempt": str(claim.number),
            "run": claim.owner.run,
        },
    )
