import pytest

from tests.support.kuberay import job_steps
from tests.support.kuberay.api import Object
from tests.support.kuberay.clock import seconds, stamp
from tests.support.kuberay.cluster_validation import Invalid
from tests.support.kuberay.job_steps import JobInfo

START = seconds("2026-11-22T06:16:39Z")
STARTED = {"startTime": stamp(START), "jobDeploymentStatus": "Waiting"}
CLUSTER: Object = {"status": {"state": "ready", "head": {}}}


def info(status: str, message: str = "") -> JobInfo:
    return JobInfo(status=status, message=message, start_ms=0, end_ms=0)


def test_a_new_job_gets_a_cluster_name_and_no_job_id() -> None:
    status = job_steps.initializing({}, "rj1", START + 0.9)
    assert status["jobDeploymentStatus"] == "Initializing"
    assert status["rayClusterName"].startswith("rj1-")
    assert status["startTime"] == "2026-11-22T06:16:39Z"
    assert "jobId" not in status


def test_the_deadline_before_running_is_told_as_the_operator_tells_it() -> None:
    spec = {"preRunningDeadlineSeconds": 60}
    assert job_steps.past_pre_running_deadline(STARTED, spec, START + 59.9) is None
    failed = job_steps.past_pre_running_deadline(STARTED, spec, START + 60)
    assert failed is not None
    assert failed["jobDeploymentStatus"] == "Failed"
    assert failed["reason"] == "PreRunningDeadlineExceeded"
    assert failed["message"] == (
        "The RayJob has passed the preRunningDeadlineSeconds. "
        "StartTime: 2026-11-22 06:16:39 +0000 UTC. PreRunningDeadlineSeconds: 60"
    )


def test_the_active_deadline_keeps_the_state_of_the_ray_job() -> None:
    status = STARTED | {"jobStatus": "RUNNING"}
    failed = job_steps.past_active_deadline(status, {"activeDeadlineSeconds": 1}, START + 2)
    assert failed is not None
    assert (failed["reason"], failed["jobStatus"]) == ("DeadlineExceeded", "RUNNING")


def test_no_deadline_never_passes() -> None:
    assert job_steps.past_active_deadline(STARTED, {}, START + 1e9) is None


@pytest.mark.parametrize(
    ("ray", "deployment", "reason"),
    [
        ("PENDING", "Running", ""),
        ("RUNNING", "Running", ""),
        ("SUCCEEDED", "Complete", ""),
        ("STOPPED", "Complete", ""),
        ("FAILED", "Failed", "AppFailed"),
    ],
)
def test_the_end_of_the_ray_job_is_the_end_of_the_rayjob(
    ray: str, deployment: str, reason: str
) -> None:
    status = job_steps.polled({"jobDeploymentStatus": "Running"}, CLUSTER, info(ray, "told"))
    assert (status["jobDeploymentStatus"], status["reason"]) == (deployment, reason)
    assert (status["jobStatus"], status["message"]) == (ray, "told")
    assert status["rayClusterStatus"]["state"] == "ready"


def test_a_good_answer_stops_the_timer_of_failed_ones() -> None:
    failing = job_steps.check_failed({"jobStatus": "RUNNING"}, START)
    assert failing["jobStatusCheckFailureStartTime"] == stamp(START)
    polled = job_steps.polled(failing, CLUSTER, info("RUNNING"))
    assert "jobStatusCheckFailureStartTime" not in polled


def test_the_first_failed_check_starts_the_timer_and_later_ones_leave_it() -> None:
    failing = job_steps.check_failed({}, START)
    assert job_steps.check_failed(failing, START + 100) == failing


def test_checks_that_fail_for_too_long_end_the_job() -> None:
    failing = job_steps.check_failed({"jobStatus": "RUNNING"}, START)
    assert job_steps.past_status_checks(failing, 300, START + 299) is None
    failed = job_steps.past_status_checks(failing, 300, START + 300)
    assert failed is not None
    assert failed["reason"] == "JobStatusCheckTimeoutExceeded"
    assert failed["message"] == (
        "No usable answer of the dashboard since 2026-11-22 06:16:39 +0000 UTC, for 300 s"
    )


def test_suspension_wipes_all_but_start_and_counters() -> None:
    status = {
        "startTime": stamp(START),
        "failed": 1,
        "succeeded": 0,
        "rayClusterName": "rj1-abcde",
        "jobId": "mine",
        "jobStatus": "RUNNING",
        "dashboardURL": "x",
        "message": "m",
        "rayClusterStatus": CLUSTER["status"],
    }
    assert job_steps.wiped(status) == {
        "startTime": stamp(START),
        "failed": 1,
        "succeeded": 0,
        "rayClusterStatus": {},
        "rayJobInfo": {},
        "jobDeploymentStatus": "Suspended",
    }


@pytest.mark.parametrize(
    ("deployment", "ray", "failed", "succeeded"),
    [
        ("Running", "RUNNING", 0, 0),
        ("Complete", "SUCCEEDED", 0, 1),
        ("Complete", "STOPPED", 0, 0),
        ("Failed", "FAILED", 1, 0),
    ],
)
def test_ends_are_counted(deployment: str, ray: str, failed: int, succeeded: int) -> None:
    status = job_steps.counted({"jobDeploymentStatus": deployment, "jobStatus": ray})
    assert (status["failed"], status["succeeded"]) == (failed, succeeded)


def test_a_message_alone_is_not_written() -> None:
    old = {"jobStatus": "RUNNING", "jobDeploymentStatus": "Running", "message": "a"}
    assert not job_steps.worth_writing(old, old | {"message": "b"})
    assert job_steps.worth_writing(old, old | {"jobStatus": "FAILED"})
    assert job_steps.worth_writing(old, old | {"rayClusterStatus": {"state": "ready"}})


def test_a_terminal_status_is_written_with_its_end() -> None:
    assert "endTime" not in job_steps.written({"jobDeploymentStatus": "Running"}, START)
    written = job_steps.written({"jobDeploymentStatus": "Complete", "reason": ""}, START)
    assert written["endTime"] == stamp(START)
    assert "reason" not in written
    assert written["rayClusterStatus"]["desiredCPU"] == "0"


def test_the_cluster_may_go_ttl_seconds_after_the_end() -> None:
    status = {"endTime": stamp(START)}
    spec = {"ttlSecondsAfterFinished": 5}
    assert job_steps.seconds_until_cleanup(status, spec, START + 2) == 3


def test_an_invalid_spec_is_told_in_the_status() -> None:
    wrong = Invalid(reason="InvalidRayJobSpec", message="no")
    assert job_steps.invalid({"failed": 0}, wrong) == {
        "failed": 0,
        "jobDeploymentStatus": "ValidationFailed",
        "reason": "ValidationFailed",
        "message": "no",
    }
