import pytest

from ml_platform.clusters.local.lifetime import (
    KeeperAction,
    Limits,
    Step,
    Usage,
    keeper_action,
    next_step,
)

LIMITS = Limits(idle_timeout_s=30, orphan_grace_s=120)


def usage(*, leases: int = 0, jobs: int = 0, unattended_s: float = 0, quiet_s: float = 0) -> Usage:
    return Usage(leases=leases, jobs=jobs, unattended_s=unattended_s, quiet_s=quiet_s)


def test_a_cluster_in_use_is_kept_however_long_no_job_runs() -> None:
    assert keeper_action(usage(leases=1), LIMITS) is KeeperAction.KEEP


def test_an_unused_cluster_is_kept_until_the_idle_time_is_over() -> None:
    assert keeper_action(usage(unattended_s=29, quiet_s=29), LIMITS) is KeeperAction.KEEP
    assert keeper_action(usage(unattended_s=30, quiet_s=30), LIMITS) is KeeperAction.STOP_IDLE


def test_a_job_without_follower_is_kept_for_a_retry_until_the_grace_is_over() -> None:
    assert keeper_action(usage(jobs=1, unattended_s=119), LIMITS) is KeeperAction.KEEP
    assert keeper_action(usage(jobs=1, unattended_s=120), LIMITS) is KeeperAction.STOP_ORPHAN


def test_the_idle_time_begins_when_an_unattended_job_ends() -> None:
    assert keeper_action(usage(unattended_s=100, quiet_s=5), LIMITS) is KeeperAction.KEEP


@pytest.mark.parametrize(
    ("phase", "keeper_alive", "started_by_us", "step"),
    [
        ("ready", True, False, Step.ADOPT),
        ("starting", True, False, Step.WAIT),
        ("stopping", True, False, Step.WAIT),
        ("ready", False, False, Step.CLEAR),
        ("starting", False, True, Step.CLEAR),
        ("failed", False, False, Step.CLEAR),
        ("failed", False, True, Step.FAIL),
        ("failed", True, True, Step.WAIT),
    ],
)
def test_the_state_says_what_to_do_next(
    phase: str, keeper_alive: bool, started_by_us: bool, step: Step
) -> None:
    assert next_step(phase, keeper_alive=keeper_alive, started_by_us=started_by_us) is step
