"""Trains on a cluster and returns the result: the one call that the model asset makes.

The result file decides, not the log and not Ray's word: a finished training is returned without a
cluster, a running one is followed, a cut one goes on from its checkpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ml_platform.clusters.interface import Clusters, Entrypoint, JobOutcome, Phase
from ml_platform.errors import (
    ClusterLostError,
    TrainingStoppedError,
    TrainingTimeoutError,
    WorkerDiedError,
)
from ml_platform.storage import Folder
from ml_platform.training.request import REQUEST_FILE, RESULT_FILE, TrainingRequest
from ml_platform.training.result import PhaseRecord, TrainingResult

ENTRYPOINT_MODULE = "ml_platform.training.entrypoint"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A successful training.

    `reused` says that it had ended before this call, `adopted` that it was running already. The
    phases are those of the cluster, then those inside the job.
    """

    result: TrainingResult
    phases: tuple[PhaseRecord, ...]
    submission_id: str
    reused: bool
    adopted: bool


def find_result(request: TrainingRequest) -> TrainingResult | None:
    """The result of this very request, if it has ended."""
    try:
        content = Folder(request.folder_uri).read(RESULT_FILE)
    except FileNotFoundError:
        return None
    return TrainingResult.model_validate_json(content)


def train(
    request: TrainingRequest,
    clusters: Clusters,
    *,
    env: Mapping[str, str] | None = None,
    on_log: Callable[[str], None],
    on_phase: Callable[[Phase], None] = lambda phase: None,
) -> Trained:
    """Train as `request` says, or return what is there already.

    Args:
        request: All that goes in.
        clusters: Where to run.
        env: Variables for the job, such as those of Dagster Pipes.
        on_log: Called with each line of the job's log.
        on_phase: Called when a phase of the cluster ends.

    Raises:
        TrainingError: the training failed; the subclass names the cause.
        ClusterError: the cluster could not be made or was lost.
    """
    done = find_result(request)
    if done is not None and done.status == "succeeded":
        return Trained(
            result=done, phases=done.phases, submission_id="", reused=True, adopted=False
        )
    folder = Folder(request.folder_uri)
    folder.write(REQUEST_FILE, (request.model_dump_json(indent=1) + "\n").encode())
    if done is not None:  # the last try's verdict must not be taken for this one's
        folder.remove(RESULT_FILE)
    phases: list[PhaseRecord] = []

    def note(phase: Phase) -> None:
        phases.append(PhaseRecord(name=phase.name, seconds=phase.seconds))
        on_phase(phase)

    entrypoint = Entrypoint(module=ENTRYPOINT_MODULE, arguments=(folder.uri,), env=env or {})
    with clusters.run(request.job_key(), request.cluster, entrypoint, on_phase=note) as job:
        outcome = job.follow(on_log=on_log, on_phase=note, limit_s=request.training.max_runtime_s)
    result = find_result(request)
    # What a job says of its end after it was stopped for its age is not why it ended.
    if result is None or (outcome.status == "overdue" and result.status == "failed"):
        raise _no_result(outcome, request)
    if result.failure is not None:
        raise result.failure.to_error()
    return Trained(
        result=result,
        phases=(*phases, *result.phases),
        submission_id=outcome.submission_id,
        reused=False,
        adopted=outcome.adopted,
    )


def _no_result(outcome: JobOutcome, request: TrainingRequest) -> Exception:
    """Why a job that has ended left no result."""
    if outcome.status == "overdue":
        return TrainingTimeoutError(
            f"the training of {request.model} for {request.partition} was still running after "
            f"{request.training.max_runtime_s} s, its limit, and was stopped",
            hint="the end of its log says where it was. If it hangs, mend train.py; if it is only "
            "slow, raise `training.max_runtime_s`: materialized again, it goes on from its last "
            "checkpoint.",
        )
    if outcome.status == "stopped":
        return TrainingStoppedError(
            f"the job {outcome.submission_id} was stopped before its end",
            hint="materialize again: the training goes on from its last checkpoint.",
        )
    if outcome.status == "failed":
        return WorkerDiedError(
            f"the driver of job {outcome.submission_id} died: {outcome.message.strip()}",
            # A local Ray's processes share this machine: `memory` of a group limits nothing there.
            hint="materialize again: the training goes on from its last checkpoint. If it dies "
            "again, this machine may lack memory: use smaller batches or fewer workers.",
        )
    return ClusterLostError(
        f"the job {outcome.submission_id} says it succeeded but left no result",
        hint="is the storage of the cluster the same as this process's? See MLP_STORAGE_URI.",
    )
