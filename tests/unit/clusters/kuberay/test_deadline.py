"""When KubeRay ends what everybody forgot, and that it ends nothing else."""

from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.deadline import extended, running_deadline_s

LIMITS = Limits(start_s=1200, unsubmitted_s=1800, job_start_s=300, running_s=7200)
DAY = 24 * 3600


def test_work_that_is_short_has_the_deadline_of_the_configuration() -> None:
    assert running_deadline_s(LIMITS, work_s=0) == 7200
    assert running_deadline_s(LIMITS, work_s=3600) == 7200


def test_work_that_may_run_longer_is_not_cut_short_also_if_its_start_took_long() -> None:
    deadline_s = running_deadline_s(LIMITS, work_s=5 * DAY)
    assert deadline_s > LIMITS.unsubmitted_s + LIMITS.job_start_s + 5 * DAY


def test_a_deadline_is_moved_for_longer_work_and_never_back() -> None:
    job = {"spec": {"activeDeadlineSeconds": 7200}}
    assert extended(job, 9000) == {"activeDeadlineSeconds": 9000}
    assert extended(job, 7200) == {}
    assert extended(job, 100) == {}
    assert extended({"spec": {}}, 100) == {}


def test_a_training_without_an_end_has_the_longest_deadline_that_kuberay_takes() -> None:
    assert running_deadline_s(LIMITS, work_s=1e12) == 2**31 - 1
