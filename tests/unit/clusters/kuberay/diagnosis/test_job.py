"""What RayJob, queue and API server say."""

from typing import Any

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis
from tests.unit.clusters.kuberay.objects import (
    event,
    only_finding,
    ray_job,
    seen_of,
)

NO_ROOM = (
    "couldn't assign flavors to pod set head: insufficient unused quota for cpu, 1 more needed"
)


def in_queue(*conditions: tuple[str, str, str, str], **workload: Any) -> Diagnosis:
    told = [
        {"type": kind, "status": status, "reason": reason, "message": message}
        for kind, status, reason, message in conditions
    ]
    spec = {"queueName": "team", **workload.pop("spec", {})}
    one = {"metadata": {}, "spec": spec, "status": {"conditions": told, **workload}}
    return only_finding(seen_of(ray_job=ray_job(suspend=True, queue="team"), workload=one))


def test_waiting_in_a_queue_is_told_in_kueues_own_words() -> None:
    found = in_queue(("QuotaReserved", "False", "Pending", NO_ROOM))
    assert found.key == "queued/team/Pending"
    assert (found.state, found.give_up_after_s) == ("queued", None)
    assert found.failure.message == f"It waits in queue team: Pending: {NO_ROOM}"


def test_the_position_is_told_where_it_is_known() -> None:
    found = in_queue(("QuotaReserved", "False", "Pending", NO_ROOM), positionInLocalQueue=3)
    assert "queue team, 3 before it" in found.failure.message
    assert "3 before" in found.news


def test_what_stands_before_it_from_other_queues_is_told_too() -> None:
    places = {"positionInLocalQueue": 0, "positionInClusterQueue": 7}
    found = in_queue(("QuotaReserved", "False", "Pending", NO_ROOM), **places)
    assert "0 before it (7 with those of other queues): Pending" in found.failure.message


def test_what_kueue_says_next_is_another_finding_than_what_it_said_first() -> None:
    texts = {"Pending": NO_ROOM, "Inadmissible": "LocalQueue team doesn't exist"}
    found = {in_queue(("QuotaReserved", "False", *one)).key for one in texts.items()}
    assert len(found | {in_queue().key}) == 3


def test_a_queue_that_does_not_exist_is_given_a_minute() -> None:
    text = "LocalQueue team doesn't exist"
    found = in_queue(("QuotaReserved", "False", "Inadmissible", text))
    assert found.give_up_after_s == 60.0
    assert "kubectl get localqueues" in found.failure.hint


def test_a_check_of_admission_that_waits_or_refuses_is_named() -> None:
    reserved = ("QuotaReserved", "True", "QuotaReserved", "")
    check = {"name": "nodes", "state": "Pending", "message": "being provisioned"}
    assert "check nodes: being provisioned" in (
        in_queue(reserved, admissionChecks=[check]).failure.message
    )
    found = in_queue(reserved, admissionChecks=[check | {"state": "Rejected"}])
    assert (found.state, found.give_up_after_s) == ("broken", 0.0)


def test_what_kueue_took_back_says_for_whom_and_what_it_switched_off_is_broken() -> None:
    evicted = ("Evicted", "True", "Preempted", "Preempted to accommodate a workload")
    assert "to accommodate a workload" in in_queue(evicted).failure.message
    assert in_queue(evicted, spec={"active": False}).state == "broken"


def test_an_admitted_job_that_is_not_resumed_yet_is_all_right() -> None:
    conditions = [{"type": "Admitted", "status": "True", "reason": "Admitted"}]
    workload = {"metadata": {}, "spec": {}, "status": {"conditions": conditions}}
    job = ray_job(suspend=True, queue="team")
    assert diagnose(seen_of(ray_job=job, workload=workload)) == ()


def test_a_job_of_a_queue_that_kueue_has_not_seen_says_so() -> None:
    found = only_finding(seen_of(ray_job=ray_job(suspend=True, queue="team")))
    assert (found.key, found.state) == ("queued/team", "queued")
    assert "Kueue has said nothing" in found.failure.message


@pytest.mark.parametrize("unknown", ["not installed", "not allowed"])
def test_why_kueues_word_is_not_known_is_said_and_ends_nothing(unknown: str) -> None:
    job = ray_job(suspend=True, queue="team")
    found = only_finding(seen_of(ray_job=job, kueue_unknown=unknown))
    assert (found.state, found.give_up_after_s) == ("queued", None)


def test_that_a_ray_cluster_exists_already_is_no_trouble() -> None:
    text = 'Failed to create RayCluster ns/c: rayclusters.ray.io "c" already exists'
    said = event("FailedToCreateRayCluster", text, "c", kind="RayJob")
    job = ray_job(status={"jobDeploymentStatus": "Initializing"})
    assert diagnose(seen_of(ray_job=job, events=[said])) == ()


def test_a_head_that_did_not_answer_kuberay_is_a_lost_head() -> None:
    status = {"jobDeploymentStatus": "Failed", "reason": "JobStatusCheckTimeoutExceeded"}
    found = only_finding(seen_of(ray_job=ray_job(status=status)))
    assert found.failure.cause is Cause.HEAD_LOST


def test_a_job_that_failed_by_itself_is_left_to_who_follows_it() -> None:
    status = {"jobDeploymentStatus": "Failed", "reason": "AppFailed", "message": "exit code 1"}
    assert diagnose(seen_of(ray_job=ray_job(status=status))) == ()


def test_a_job_that_no_operator_has_looked_at_for_ten_seconds_says_so() -> None:
    assert diagnose(seen_of(ray_job=ray_job(), t=9)) == ()
    found = only_finding(seen_of(ray_job=ray_job(), t=11))
    assert (found.key, found.state, found.give_up_after_s) == ("not-taken-up", "starting", None)
    assert "is its operator running, does it watch this namespace (ns)?" in found.failure.message


def test_a_job_that_the_operator_has_looked_at_is_taken_up() -> None:
    job = ray_job(status={"jobDeploymentStatus": "Initializing"})
    assert diagnose(seen_of(ray_job=job, t=600)) == ()
