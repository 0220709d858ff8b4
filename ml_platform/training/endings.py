"""How an attempt ended, in words, where its driver left none of its own."""

import math

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.jobs.job import JobOutcome
from ml_platform.errors import ClusterStartError, InputError, PlatformError, StorageError
from ml_platform.training.positions import HINT
from ml_platform.training.request import TrainingRequest

_LOST = frozenset({Cause.WORKER_LOST, Cause.NODE_LOST, Cause.HEAD_LOST})
"""Causes that say what is missing, not why."""
_WAITED = frozenset({Cause.NO_PROGRESS, Cause.OVER_LIMIT})
"""Causes that say that it took too long: it may have waited for a worker that was lost."""
_SPARES = frozenset({"group", "node", "cluster"})
"""What a job may wait for without its head being lost."""
AGAIN = "materialize again: the training goes on from its last checkpoint."


def of_job(
    outcome: JobOutcome, request: TrainingRequest, stuck: str = "", last_line: str = ""
) -> Failure:
    """Of a job that left no outcome, or was stopped at a limit.

    Args:
        outcome: What was seen of it.
        request: What it trained.
        stuck: What its workers said of waiting for each other, if they did.
        last_line: Of its log.
    """
    match outcome.status:
        case "silent":
            message = (
                f"the training of {request.model} for {request.partition} gave no sign of progress "
                f"for {outcome.limit_s:.0f} s, its limit, and was stopped"
            )
            return Failure(
                cause=Cause.NO_PROGRESS,
                place=Place(kind="driver"),
                message=f"{message}: {stuck}" if stuck else message,
                hint=HINT
                if stuck
                else "the end of its log says where it was. If it hangs, mend train.py; if its "
                "epochs take so long, print a line within them or raise `training.no_progress_s`.",
                evidence=(stuck or f"its last line: {last_line or 'none'}",),
            )
        case "overdue":
            message = (
                f"the training of {request.model} for {request.partition} was still running "
                f"after {request.training.max_runtime_s} s, its limit, and was stopped"
            )
            return Failure(
                # Its ranks stood apart: more time would not have helped.
                cause=Cause.NO_PROGRESS if stuck else Cause.OVER_LIMIT,
                place=Place(kind="driver"),
                message=f"{message}: {stuck}" if stuck else message,
                hint=HINT
                if stuck
                else "the end of its log says where it was. If it hangs, mend train.py; if it is "
                "only slow, raise `training.max_runtime_s`: materialized again, it goes on from "
                "its last checkpoint.",
            )
        case "unstarted" if math.isinf(outcome.limit_s):
            said = outcome.message.strip()
            return Failure(
                cause=Cause.START_FAILED,
                place=Place(kind="driver"),
                message=f"Ray could not start the job {outcome.submission_id}: {said}",
                hint=f"mend what Ray names, then {AGAIN}",
                evidence=(said,),
            )
        case "unstarted":
            said = outcome.message.strip()
            return Failure(
                cause=Cause.START_FAILED,
                place=Place(kind="driver"),
                message=f"the job {outcome.submission_id} was not started within "
                f"{outcome.limit_s:.0f} s, its limit, and was given up: {said}",
                hint="`mlp cluster show` says what the cluster runs. If its head is only slow or "
                "has much to do, raise `job_start_timeout_s` of the resource `clusters` "
                "(`limits.job_start_s` on Kubernetes).",
                evidence=(said,),
            )
        case "stopped":
            return Failure(
                cause=Cause.CANCELLED,
                place=Place(kind="driver"),
                message=f"the job {outcome.submission_id} was stopped before its end",
                hint=AGAIN,
            )
        case "failed":
            return Failure(
                cause=Cause.WORKER_LOST,
                place=Place(kind="driver"),
                message=f"the driver of job {outcome.submission_id} died: "
                f"{outcome.message.strip()}",
                # A local Ray's processes share this machine: `memory` of a group limits nothing.
                hint=f"{AGAIN} If it dies again, this machine may lack memory: use smaller batches "
                "or fewer workers.",
                evidence=(outcome.message.strip(),),
            )
        case "succeeded":
            return Failure(
                cause=Cause.STORAGE,
                place=Place(kind="storage"),
                message=f"the job {outcome.submission_id} says it succeeded but left no result",
                hint="is the storage of the cluster the same as this process's? "
                "See MLP_STORAGE_URI.",
            )


def head_lost(evidence: str, reason: str = "") -> Failure:
    """Of an attempt whose cluster is gone; `reason` is what its provisioner knows of that."""
    return Failure(
        cause=Cause.HEAD_LOST,
        place=Place(kind="head"),
        message=f"the cluster was lost: {evidence}",
        hint=AGAIN,
        evidence=(evidence, reason) if reason else (evidence,),
    )


def start_failed(error: ClusterStartError) -> Failure:
    """Of an attempt whose cluster never became ready, for what it was found to lack."""
    failure = Failure.of_start(error)
    return failure if failure.hint else failure.model_copy(update={"hint": AGAIN})


def named(failure: Failure, by_cluster: Failure | None) -> Failure:
    """The failure, with what its cluster knows where others only miss something.

    Args:
        failure: As the driver, or whoever followed it, tells it.
        by_cluster: What of the cluster is to blame, if that is known.
    """
    if by_cluster is not None and failure.cause in _WAITED and by_cluster.place.kind in _SPARES:
        evidence = (*failure.evidence, by_cluster.message, *by_cluster.evidence)
        return failure.model_copy(update={"evidence": tuple(dict.fromkeys(evidence))})
    if by_cluster is None or failure.cause not in _LOST:
        return failure
    if failure.cause is Cause.HEAD_LOST and by_cluster.place.kind == "group":
        return failure  # that a worker died does not make a head silent
    told = dict.fromkeys((*by_cluster.evidence, failure.message, *failure.evidence))
    return by_cluster.model_copy(update={"evidence": tuple(told)})


def platform(error: PlatformError) -> Failure:
    """Of an attempt that the platform itself could not bring to its end, or refuses to make."""
    match error:
        case StorageError():
            cause = Cause.STORAGE
        case InputError():
            cause = Cause.BAD_INPUT
        case _:
            cause = Cause.PLATFORM
    return Failure(
        cause=cause,
        place=Place(kind="step"),
        message=error.message,
        hint=error.hint or AGAIN,
    )


def interrupted(error: BaseException) -> Failure:
    """Of an attempt whose step was interrupted, or has a defect."""
    if isinstance(error, OSError):
        return Failure(
            cause=Cause.STORAGE,
            place=Place(kind="storage"),
            message=f"the storage failed: {error}",
            hint=AGAIN,
        )
    if isinstance(error, Exception):
        return Failure(
            cause=Cause.PLATFORM,
            place=Place(kind="step"),
            message=f"the step failed while it followed the training: {error!r}",
            hint=AGAIN,
        )
    return Failure(
        cause=Cause.CANCELLED,
        place=Place(kind="step"),
        message="the step was interrupted and stopped its training",
        hint=AGAIN,
    )
