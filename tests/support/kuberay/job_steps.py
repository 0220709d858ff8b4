"""The states of a RayJob in InteractiveMode: each function takes a status and returns the next.

New -> Initializing -> Waiting -> Running -> Complete | Failed; Initializing and Running may go to
Suspending -> Suspended -> New. ValidationFailed is for ever.
"""

from dataclasses import dataclass
from typing import Final

from tests.support.kuberay.api import Object
from tests.support.kuberay.clock import seconds, spoken, stamp
from tests.support.kuberay.cluster_status import worth_writing as cluster_worth_writing
from tests.support.kuberay.cluster_validation import Invalid
from tests.support.kuberay.names import suffixed

TERMINAL_JOB: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
TERMINAL: Final = frozenset({"Complete", "Failed"})
CLEARED: Final = (
    "rayClusterName",
    "dashboardURL",
    "jobId",
    "message",
    "reason",
    "jobStatus",
    "jobStatusCheckFailureStartTime",
)
"""What suspending wipes; startTime and the counters stay."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobInfo:
    """What the dashboard says of a Ray job; times in milliseconds, 0 for not yet."""

    status: str
    message: str
    start_ms: int
    end_ms: int


def invalid(status: Object, wrong: Invalid) -> Object:
    """ValidationFailed, whatever it was before."""
    return status | {
        "jobDeploymentStatus": "ValidationFailed",
        "reason": "ValidationFailed",
        "message": wrong.message,
    }


def initializing(status: Object, name: str, now: float) -> Object:
    """A new attempt, with a cluster name of its own."""
    return status | {
        "rayClusterName": status.get("rayClusterName") or suffixed(name),
        "jobDeploymentStatus": "Initializing",
        "startTime": stamp(now),
    }


def suspending(status: Object, spec: Object) -> Object | None:
    """Suspending, if that is asked for."""
    return status | {"jobDeploymentStatus": "Suspending"} if spec.get("suspend") else None


def past_active_deadline(status: Object, spec: Object, now: float) -> Object | None:
    """Failed, if the whole attempt has taken too long; the Ray job is not stopped."""
    return _past(status, spec, now, "activeDeadlineSeconds", "DeadlineExceeded")


def past_pre_running_deadline(status: Object, spec: Object, now: float) -> Object | None:
    """Failed, if it has not come to Running in time."""
    return _past(status, spec, now, "preRunningDeadlineSeconds", "PreRunningDeadlineExceeded")


def past_status_checks(status: Object, timeout_s: int, now: float) -> Object | None:
    """Failed, if the dashboard has not answered for too long."""
    since = status.get("jobStatusCheckFailureStartTime")
    if not since or now < seconds(since) + timeout_s:
        return None
    message = f"No usable answer of the dashboard since {spoken(since)}, for {timeout_s} s"
    return _failed(status, "JobStatusCheckTimeoutExceeded", message)


def waiting(status: Object, dashboard: str) -> Object:
    """The cluster is ready; somebody may submit."""
    return status | {"dashboardURL": dashboard, "jobDeploymentStatus": "Waiting"}


def running(status: Object, job_id: str) -> Object:
    """Somebody has submitted and written the id."""
    return status | {"jobId": job_id, "jobDeploymentStatus": "Running"}


def polled(status: Object, cluster: Object, info: JobInfo) -> Object:
    """After a good answer of the dashboard."""
    times = dict(status.get("rayJobInfo") or {})
    if info.start_ms:
        times["startTime"] = stamp(info.start_ms / 1000)
    if info.end_ms:
        times["endTime"] = stamp(info.end_ms / 1000)
    deployment, reason = "Running", ""
    if info.status in TERMINAL_JOB:
        deployment = "Failed" if info.status == "FAILED" else "Complete"
        reason = "AppFailed" if info.status == "FAILED" else ""
    new = status | {
        "rayClusterStatus": cluster.get("status") or {},
        "jobStatus": info.status,
        "jobDeploymentStatus": deployment,
        "reason": reason,
        "message": info.message,
        "rayJobInfo": times,
    }
    new.pop("jobStatusCheckFailureStartTime", None)
    return new


def check_failed(status: Object, now: float) -> Object:
    """After a failed poll: the first one starts the timer."""
    return {"jobStatusCheckFailureStartTime": stamp(now)} | status


def wiped(status: Object) -> Object:
    """Suspended, once the RayCluster is gone (its pods may still be ending)."""
    kept = {key: value for key, value in status.items() if key not in CLEARED}
    return kept | {"rayClusterStatus": {}, "rayJobInfo": {}, "jobDeploymentStatus": "Suspended"}


def resumed(status: Object) -> Object:
    """Back to New."""
    return status | {"jobDeploymentStatus": "", "jobStatus": ""}


def counted(status: Object) -> Object:
    """With the counters of failures and successes, for a pass that may write."""
    failed, succeeded = status.get("failed", 0), status.get("succeeded", 0)
    failed += status.get("jobDeploymentStatus") == "Failed"
    complete = status.get("jobDeploymentStatus") == "Complete"
    succeeded += complete and status.get("jobStatus") == "SUCCEEDED"
    return status | {"failed": failed, "succeeded": succeeded}


def worth_writing(old: Object, new: Object) -> bool:
    """Only a change of these is written; all else rides along."""
    keys = ("jobStatus", "jobDeploymentStatus", "jobStatusCheckFailureStartTime")
    return any((old.get(key) or "") != (new.get(key) or "") for key in keys) or (
        cluster_worth_writing(old.get("rayClusterStatus"), new.get("rayClusterStatus"))
    )


def written(status: Object, now: float) -> Object:
    """As it goes to the API server: with the end, without empty texts, with all structs."""
    if status.get("jobDeploymentStatus") in TERMINAL:
        status = status | {"endTime": stamp(now)}
    kept = {key: value for key, value in status.items() if value != ""}
    none = {"desiredCPU": "0", "desiredMemory": "0", "desiredGPU": "0", "desiredTPU": "0"}
    cluster = none | {"head": {}} | (status.get("rayClusterStatus") or {})
    return kept | {"rayClusterStatus": cluster, "rayJobInfo": status.get("rayJobInfo") or {}}


def seconds_until_cleanup(status: Object, spec: Object, now: float) -> float:
    """Until the cluster may go after the end; zero or less when it may."""
    return seconds(status["endTime"]) + spec.get("ttlSecondsAfterFinished", 0) - now


def _past(status: Object, spec: Object, now: float, field: str, reason: str) -> Object | None:
    limit = spec.get(field)
    start = status["startTime"]
    if limit is None or now < seconds(start) + limit:
        return None
    message = (
        f"The RayJob has passed the {field}. StartTime: {spoken(start)}. "
        f"{field[0].upper()}{field[1:]}: {limit}"
    )
    return _failed(status, reason, message)


def _failed(status: Object, reason: str, message: str) -> Object:
    return status | {"jobDeploymentStatus": "Failed", "reason": reason, "message": message}
