"""Trains on a cluster and returns the result: the one call that the model asset makes.

The result file decides, not the log and not Ray's word: a finished training is returned without a
cluster, a running one is followed, a cut one goes on from its checkpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_platform.training.allowance import Allowance, unlimited
from ml_platform.training.attempts import AttemptLoop, ProvisionerOf
from ml_platform.training.listeners import Listeners
from ml_platform.training.model_code import renew_evaluation, send_code
from ml_platform.training.record import Owner, TrainingRecord
from ml_platform.training.request import TrainingRequest
from ml_platform.training.result import PhaseRecord, TrainingResult


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
    """The result of this very request, if there is one."""
    return TrainingRecord(request.folder_uri).result()


def reused(done: TrainingResult) -> Trained:
    """What was trained before, as who asks again is given it."""
    return Trained(result=done, phases=done.phases, submission_id="", reused=True, adopted=False)


def train(
    request: TrainingRequest,
    provisioner_of: ProvisionerOf,
    *,
    owner: Owner,
    listeners: Listeners,
    code: Path | None = None,
    env: Mapping[str, str] | None = None,
    allowance: Allowance = unlimited,
    loop: Callable[..., AttemptLoop] = AttemptLoop,
) -> Trained:
    """Train as `request` says, or return what is there already.

    Args:
        request: All that decides the outcome.
        provisioner_of: Who makes clusters of a spec.
        owner: Who asks; budgets are counted by its root.
        listeners: Who is told while it runs.
        code: The model's folder; where the request says by default.
        env: Variables for the job, such as those of Dagster Pipes.
        allowance: Asked before each attempt begins.
        loop: Makes the loop over the attempts.

    Raises:
        BudgetError: no attempt may begin, since a team's or an asset's budget is spent.
        ModelSpecError: the code is not what the request names.
        TrainingError: the training failed; the subclass names the cause.
        ClusterError: the cluster could not be made or was lost.
    """
    record = TrainingRecord(request.folder_uri)
    done = record.result()
    if done is not None:
        return reused(done)
    source = code or request.code_folder
    if not record.has_request():  # written after the code, which is all there then
        send_code(request, source)
        record.write_request(request)
    renew_evaluation(request, source)
    attempts = loop(
        request,
        record,
        provisioner_of=provisioner_of,
        owner=owner,
        listeners=listeners,
        env=env,
        allowance=allowance,
    )
    result = attempts.run()
    return Trained(
        result=result,
        phases=(*attempts.phases, *result.phases),
        submission_id=request.job_key().submission_id(result.attempt),
        reused=False,
        adopted=attempts.adopted,
    )
