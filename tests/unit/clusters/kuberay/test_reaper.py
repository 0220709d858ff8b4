"""Which clusters nobody needs; that those go and no others: `tests/kubernetes/test_reaper.py`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from ml_platform.clusters.interface import RunEnd
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.reaper import LEFT_OVER_S, RETRY_WITHIN_S, unneeded
from ml_platform.reaping import run_ends

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()


def job(
    *,
    annotations: dict[str, str] | None = None,
    status: dict[str, Any] | None = None,
    deleting: bool = False,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": "one",
        "creationTimestamp": "2026-01-02T06:00:00Z",
        "annotations": annotations or {},
    }
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-02T11:59:59Z"
    return {"metadata": metadata, "status": status or {"jobDeploymentStatus": "Running"}}


def why(given: dict[str, Any], *, run_ended_s: float | None = None) -> str:
    return unneeded(given, run_ended_s=lambda run: run_ended_s, now_s=NOW)


OF_A_RUN = {labels.RUN: "abc"}


@pytest.fixture
def ended() -> Iterator[RunEnd]:
    """What a Dagster says that knows a run `lives` and a run `died`, which ended an hour ago."""
    with dg.DagsterInstance.ephemeral() as instance:
        for run in ("lives", "died"):
            started = dg.DagsterRunStatus.STARTED
            instance.add_run(dg.DagsterRun(job_name="training", run_id=run, status=started))
        failure = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.PIPELINE_FAILURE.value, job_name="training"
        )
        instance.handle_run_event("died", failure, datetime.fromtimestamp(NOW - 3600, UTC))
        yield run_ends(instance)


def test_a_healthy_training_of_many_hours_is_needed_and_not_that_of_a_dead_run(
    ended: RunEnd,
) -> None:
    healthy, left = (job(annotations={labels.RUN: run}) for run in ("lives", "died"))
    assert unneeded(healthy, run_ended_s=ended, now_s=NOW + 5 * 3600) == ""
    assert "died ended 60 min ago" in unneeded(left, run_ended_s=ended, now_s=NOW)


def test_a_run_that_dagster_does_not_know_may_live(ended: RunEnd) -> None:
    of_another = job(annotations={labels.RUN: "of another Dagster"})
    assert unneeded(of_another, run_ended_s=ended, now_s=NOW + 5 * 3600) == ""


def test_a_retry_may_come_back_for_the_cluster_of_a_run_that_has_ended() -> None:
    assert why(job(annotations=OF_A_RUN), run_ended_s=NOW - RETRY_WITHIN_S + 1) == ""


def test_nobody_comes_back_for_a_run_that_ended_long_ago() -> None:
    assert "abc ended 16 min ago" in why(job(annotations=OF_A_RUN), run_ended_s=NOW - 16 * 60)


def test_a_cluster_without_a_run_is_left_alone() -> None:
    assert why(job(), run_ended_s=0.0) == ""


@pytest.mark.parametrize(
    ("expires", "needed"), [("2026-01-02T11:59:00Z", False), ("2026-01-02T12:01:00Z", True)]
)
def test_an_interactive_cluster_lives_until_its_expiry(expires: str, *, needed: bool) -> None:
    assert (why(job(annotations={labels.EXPIRES: expires})) == "") is needed


@pytest.mark.parametrize("status", ["Failed", "Complete", "ValidationFailed"])
def test_what_has_ended_and_was_left_over_goes(status: str) -> None:
    ended = datetime.fromtimestamp(NOW - LEFT_OVER_S - 1, UTC).isoformat()
    given = job(status={"jobDeploymentStatus": status, "endTime": ended})
    assert "left over" in why(given)


def test_what_has_just_ended_is_left_to_kuberay() -> None:
    ended = datetime.fromtimestamp(NOW - 20, UTC).isoformat()
    assert why(job(status={"jobDeploymentStatus": "Complete", "endTime": ended})) == ""


def test_what_is_being_removed_is_not_removed_twice() -> None:
    assert why(job(annotations={labels.EXPIRES: "2020-01-01T00:00:00Z"}, deleting=True)) == ""
