"""Which clusters nobody needs; that those go and no others: `tests/kubernetes/test_reaper.py`."""

import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg
import pytest

from ml_platform.clusters.interface import Reaped, RunEnd
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.last_use import LastUse
from ml_platform.clusters.kuberay.reaper import (
    LEFT_OVER_S,
    RETRY_WITHIN_S,
    UNHEARD_S,
    ReapDecision,
    decision_on,
    reap,
)
from ml_platform.reaping import run_ends
from tests.unit.clusters.kuberay.clusters import CONFIG
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()
HOURS = 3600.0
LIMITS = Limits(queue_s=10 * HOURS, running_s=20 * 3600)
RUNS_FOR_S = 5 * 3600


def job(
    name: str = "one",
    *,
    annotations: dict[str, str] | None = None,
    status: dict[str, Any] | None = None,
    deleting: bool = False,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "uid": f"uid-of-{name}",
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-02T06:00:00Z",
        "annotations": annotations or {},
    }
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-02T11:59:59Z"
    return {
        "metadata": metadata,
        "spec": {"activeDeadlineSeconds": RUNS_FOR_S},
        "status": status or {"jobDeploymentStatus": "Running"},
    }


def decision(
    given: dict[str, Any], *, ended: RunEnd = lambda run: None, after_s: float = 0.0
) -> ReapDecision | None:
    return decision_on(given, limits=LIMITS, run_ended_s=ended, now_s=NOW + after_s)


def why(given: dict[str, Any], *, run_ended_s: float | None = None) -> str:
    """Why it goes; empty for one that stays."""
    found = decision(given, ended=lambda run: run_ended_s)
    return found.reason if found is not None and not found.kept else ""


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
    assert decision(healthy, ended=ended, after_s=200 * HOURS) is None
    assert "died ended 60 min ago" in str(decision(left, ended=ended))


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ({labels.RUN: "reproduce-1"}, "Dagster has never heard of its run reproduce-1"),
        ({}, "it has no run of Dagster"),
    ],
)
def test_a_cluster_of_nobody_that_dagster_knows_is_kept_until_a_day_after_all_its_limits(
    ended: RunEnd, annotations: dict[str, str], reason: str
) -> None:
    queued = job(annotations=annotations, status={"jobDeploymentStatus": "Suspended"})
    # It was created 6 hours ago.
    left_s = LIMITS.queue_s + RUNS_FOR_S + UNHEARD_S - 6 * HOURS

    before = decision(queued, ended=ended, after_s=left_s - 1)
    after = decision(queued, ended=ended, after_s=left_s + 1)

    assert before is not None
    assert after is not None
    assert before.reason == reason
    assert before.kept == "somebody else may use it until 2026-01-03T21:00:00Z"
    assert after.reason == f"{reason}, and it is a day older than it may wait and run"
    assert after.kept == ""


def test_a_dagster_that_cannot_be_asked_is_no_word_of_a_run() -> None:
    queued = job(annotations=OF_A_RUN, status={"jobDeploymentStatus": "Suspended"})
    assert decision(queued, ended=lambda run: None, after_s=1000 * HOURS) is None


@pytest.mark.parametrize("expires", ["tomorrow", "2026-13-01T00:00:00Z", "1767355200"])
def test_an_end_that_cannot_be_read_is_not_known(expires: str) -> None:
    found = decision(job(annotations={labels.EXPIRES: expires}))
    assert found is not None
    assert found.reason == (
        f"its {labels.EXPIRES} is other text, wanted a time, and it has no run of Dagster"
    )
    assert "until" in found.kept


def test_a_time_without_a_zone_is_one_of_utc() -> None:
    assert why(job(annotations={labels.EXPIRES: "2026-01-02T11:59:59"})) != ""
    assert why(job(annotations={labels.EXPIRES: "2026-01-02T12:00:01"})) == ""


def test_a_retry_may_come_back_for_the_cluster_of_a_run_that_has_ended() -> None:
    assert why(job(annotations=OF_A_RUN), run_ended_s=NOW - RETRY_WITHIN_S + 1) == ""


def test_nobody_comes_back_for_a_run_that_ended_long_ago() -> None:
    assert "abc ended 16 min ago" in why(job(annotations=OF_A_RUN), run_ended_s=NOW - 16 * 60)


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


def reaped(
    server: KubernetesServer,
    *jobs: dict[str, Any],
    dry_run: bool = False,
    ended: RunEnd = lambda run: NOW - 3600,
) -> list[Reaped]:
    server.objects["rayjobs"] = list(jobs)
    server.documents |= {one["metadata"]["name"]: one for one in jobs}
    return list(reap(server.api, CONFIG, run_ended_s=ended, now_s=NOW, dry_run=dry_run))


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        yield server


def test_one_object_that_cannot_be_read_keeps_no_other(server: KubernetesServer) -> None:
    broken = job("broken", annotations={labels.EXPIRES: "tomorrow"})
    found = reaped(server, broken, job("left", annotations=OF_A_RUN))
    assert [(one.name, one.removed, bool(one.kept)) for one in found] == [
        ("broken", False, True),
        ("left", True, False),
    ]
    assert server.deleted == ["left"]


def test_one_object_that_is_not_given_up_keeps_no_other(server: KubernetesServer) -> None:
    server.refused["DELETE protected"] = 422
    found = reaped(server, *(job(name, annotations=OF_A_RUN) for name in ("protected", "left")))
    assert [(one.name, one.fate) for one in found] == [("protected", "failed"), ("left", "removed")]
    assert found[0].why == "its run abc ended 60 min ago and nobody came back for it; " + (
        "Kubernetes refuses: refused"
    )


def test_what_fails_with_one_in_a_way_that_nobody_thought_of_keeps_no_other(
    server: KubernetesServer,
) -> None:
    def ended_s(run: str) -> float:
        if run == "unheard-of":
            raise RuntimeError("the database has closed the connection")
        return NOW - 3600

    found = reaped(
        server,
        job("first", annotations=OF_A_RUN),
        job("broken", annotations={labels.RUN: "unheard-of"}),
        job("left", annotations=OF_A_RUN),
        ended=ended_s,
    )
    assert [(one.name, one.fate) for one in found] == [
        *(("first", "removed"), ("broken", "failed"), ("left", "removed"))
    ]
    assert "the database has closed the connection" in found[1].failed


def test_each_is_told_before_the_next_is_touched(server: KubernetesServer) -> None:
    given = [job(name, annotations=OF_A_RUN) for name in ("first", "second")]
    server.objects["rayjobs"] = [*given]
    server.documents |= {one["metadata"]["name"]: one for one in given}
    told = reap(server.api, CONFIG, run_ended_s=lambda run: 0.0, now_s=NOW, dry_run=False)
    assert next(told).name == "first"
    assert server.deleted == ["first"]


UNUSED_S = 4 * 3600
PEOPLES = {labels.EXPIRES: "2026-01-03T12:00:00Z"}
STALE = PEOPLES | {labels.UNUSED: "2026-01-02T07:59:59Z"}
WARNED = PEOPLES | {labels.UNUSED: "2026-01-02T10:30:00Z"}


def unused(
    server: KubernetesServer,
    *,
    idle_s: float,
    annotations: dict[str, str] = PEOPLES,
    dry_run: bool = False,
) -> list[Reaped]:
    """What becomes of an interactive cluster on which nothing has run for so long."""
    given = job(annotations=annotations, status={"jobDeploymentStatus": "Waiting"})
    server.objects["rayjobs"] = [given]
    policy = replace(CONFIG, limits=Limits(unused_s=UNUSED_S))
    found = reap(
        server.api,
        policy,
        run_ended_s=lambda run: None,
        now_s=NOW,
        dry_run=dry_run,
        last_used_s=lambda job: NOW - idle_s,
    )
    return list(found)


def noted(server: KubernetesServer) -> Mapping[str, str]:
    """The annotations of the only cluster."""
    (one,) = server.objects["rayjobs"]
    found: Mapping[str, str] = one["metadata"]["annotations"]
    return found


def test_a_cluster_on_which_nothing_runs_is_warned_about_from_half_its_time_on(
    server: KubernetesServer,
) -> None:
    assert unused(server, idle_s=UNUSED_S / 2 - 1) == []
    (found,) = unused(server, idle_s=UNUSED_S / 2)
    assert found.reason == "nothing has run on it for 120 min"
    assert found.kept == "it is ended at 2026-01-02T14:00:00Z unless a job runs"
    assert noted(server)[labels.UNUSED] == "2026-01-02T12:00:00Z"
    assert server.deleted == []


def test_it_is_ended_after_its_time_once_it_was_warned_about(server: KubernetesServer) -> None:
    (unwarned,) = unused(server, idle_s=2 * UNUSED_S)
    assert unwarned.kept == "it is ended at 2026-01-02T12:15:00Z unless a job runs"
    assert server.deleted == []
    (found,) = unused(server, idle_s=UNUSED_S, annotations=WARNED)
    assert (found.removed, found.kept) == (True, "")
    assert server.deleted == ["one"]


def test_a_warning_of_before_its_last_job_is_none(server: KubernetesServer) -> None:
    (found,) = unused(server, idle_s=UNUSED_S, annotations=STALE)
    assert found.kept != ""
    assert server.deleted == []


@pytest.mark.parametrize("idle_s", [-math.inf, 0.0])
def test_a_cluster_on_which_a_job_runs_is_used(server: KubernetesServer, idle_s: float) -> None:
    assert unused(server, idle_s=idle_s, annotations=WARNED) == []


def test_a_dry_run_warns_nobody_and_ends_nothing(server: KubernetesServer) -> None:
    assert unused(server, idle_s=UNUSED_S / 2, dry_run=True)[0].kept != ""
    assert labels.UNUSED not in noted(server)
    assert unused(server, idle_s=UNUSED_S, dry_run=True, annotations=WARNED)[0].removed is False
    assert server.deleted == []


@pytest.mark.parametrize("status", [404, 409])
def test_one_that_goes_or_changes_as_it_is_warned_ends_no_round(
    server: KubernetesServer, status: int
) -> None:
    server.refused["one"] = status
    assert unused(server, idle_s=UNUSED_S) == []


def test_one_that_may_not_be_warned_keeps_no_other(server: KubernetesServer) -> None:
    server.refused["one"] = 422
    (found,) = unused(server, idle_s=UNUSED_S)
    assert found.fate == "failed"
    assert found.why == "nothing has run on it for 240 min; Kubernetes refuses: refused"


def looked_at(
    server: KubernetesServer, ask: LastUse, *names: str, within_s: float
) -> dict[str, str]:
    """The fates of interactive clusters that were warned about, by the answers of their heads."""
    waiting = {"jobDeploymentStatus": "Waiting"}
    given = [job(name, annotations=WARNED, status=waiting) for name in names]
    server.objects["rayjobs"] = [*given]
    found = reap(
        server.api,
        replace(CONFIG, limits=Limits(unused_s=UNUSED_S)),
        run_ended_s=lambda run: None,
        now_s=NOW,
        dry_run=False,
        last_used_s=ask,
        heads_within_s=within_s,
    )
    return {one.name: one.fate for one in found}


def test_heads_are_asked_side_by_side(server: KubernetesServer) -> None:
    together = threading.Barrier(20)

    def ask(one: Mapping[str, Any]) -> float:
        together.wait(timeout=20)  # breaks where they are not
        return NOW

    assert looked_at(server, ask, *(f"c{number}" for number in range(20)), within_s=30) == {}


def test_one_whose_head_has_not_answered_in_time_is_left_to_the_next_round(
    server: KubernetesServer,
) -> None:
    end = threading.Event()

    def ask(one: Mapping[str, Any]) -> float:
        if one["metadata"]["name"] == "frozen":
            end.wait()
        return NOW - UNUSED_S

    try:
        assert looked_at(server, ask, "frozen", "left", within_s=1.0) == {"left": "removed"}
    finally:
        end.set()
    assert server.deleted == ["left"]


def test_a_job_that_began_since_its_head_was_asked_keeps_a_cluster(
    server: KubernetesServer,
) -> None:
    answers = iter((NOW - UNUSED_S, math.inf))
    assert looked_at(server, lambda one: next(answers), "one", within_s=5.0) == {}
    assert server.deleted == []


def test_without_a_limit_or_an_answer_nothing_is_known_of_its_use() -> None:
    given = job(annotations=WARNED, status={"jobDeploymentStatus": "Waiting"})
    asked = partial(decision_on, given, run_ended_s=lambda run: None, now_s=NOW)
    assert asked(Limits(), last_used_s=lambda job: 0.0) is None
    assert asked(Limits(unused_s=UNUSED_S), last_used_s=lambda job: None) is None


def test_a_dry_run_removes_nothing(server: KubernetesServer) -> None:
    (found,) = reaped(server, job(annotations=OF_A_RUN), dry_run=True)
    assert (found.removed, found.kept) == (False, "")
    assert server.deleted == []
