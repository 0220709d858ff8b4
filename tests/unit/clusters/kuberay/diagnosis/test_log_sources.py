"""Whose logs are read when something has failed."""

from typing import Any

from ml_platform.clusters.kuberay.diagnosis.log_sources import (
    MOST,
    LogSource,
    at_the_end,
    failed_to_start,
)
from ml_platform.clusters.kuberay.seen import Object
from tests.unit.clusters.kuberay.objects import container, ended, pod, running, seen_of, waiting
from tests.unit.clusters.kuberay.recorded import BEGIN_S, moments

CRASHING: dict[str, Any] = {"state": waiting("CrashLoopBackOff"), "last": ended(2), "restarts": 2}
HEALTHY: dict[str, Any] = {"state": running(0), "ready": True}


def head(name: str = "h", **fields: Any) -> Object:
    return pod(name, head=True, phase="Running", containers=[container("ray-head", **fields)])


def worker(name: str, **fields: Any) -> Object:
    healthy = bool(fields.get("ready"))
    return pod(name, phase="Running", ready=healthy, containers=[container(**fields)])


def at_end(*pods: Object, since_s: float = BEGIN_S) -> tuple[LogSource, ...]:
    return at_the_end(seen_of(*pods), head_uid="uid-h", since_s=since_s)


def names(sources: tuple[LogSource, ...]) -> list[str]:
    return [one.pod for one in sources]


def test_a_container_that_crashes_again_and_again_is_asked_for_its_last_run() -> None:
    (source,) = failed_to_start(seen_of(head(**CRASHING), worker("w", **HEALTHY)))
    assert source == LogSource(pod="h", container="ray-head", previous=True)


def test_a_container_that_has_just_ended_is_asked_for_this_run() -> None:
    (source,) = failed_to_start(seen_of(head(state=ended(2))))
    assert not source.previous


def test_an_init_container_that_fails_is_asked_and_not_what_waits_for_it() -> None:
    failing = pod(
        init=[container("prepare", **CRASHING)],
        containers=[container(state=waiting("PodInitializing"))],
    )
    assert [one.container for one in failed_to_start(seen_of(failing))] == ["prepare"]


def test_when_nothing_has_failed_what_runs_and_is_not_ready_is_asked() -> None:
    seen = seen_of(head(state=running(0)), worker("w", state=waiting("ContainerCreating")))
    assert names(failed_to_start(seen)) == ["h"]


def test_a_crash_loop_of_the_real_operator_is_that_of_the_head() -> None:
    last = [seen for seen in moments("rc-crash-loop") if seen.at_s < BEGIN_S + 30][-1]
    assert {one.container for one in failed_to_start(last)} == {"ray-head"}


def test_at_the_end_the_head_is_asked_and_workers_that_fail_and_no_healthy_one() -> None:
    healthy = [worker(f"ok-{n}", **HEALTHY) for n in range(500)]
    died = worker("died", state=running(9), last=ended(137, "OOMKilled"), restarts=1, ready=True)
    stuck = worker("stuck", state=running(0))
    sources = at_end(*healthy, stuck, died, head(**HEALTHY))
    assert names(sources) == ["h", "died", "stuck"]
    assert [one.previous for one in sources] == [False, True, False]


def test_of_many_workers_those_that_ended_last_are_asked() -> None:
    workers = [worker(f"w-{n}", state=ended(1, t=n)) for n in range(9)]
    assert names(at_end(*workers)) == ["w-8", "w-7", "w-6", "w-5", "w-4"][:MOST]


def test_a_failure_from_before_its_head_is_none_of_the_jobs() -> None:
    came_back = worker("w", state=running(9), last=ended(1, t=-5), restarts=1, ready=True)
    assert names(at_end(came_back)) == []


def test_a_head_that_took_the_place_of_the_jobs_own_is_not_asked() -> None:
    assert names(at_end(head("another", **HEALTHY))) == []


def test_a_head_that_was_started_again_is_asked_for_the_run_that_had_the_job() -> None:
    (source,) = at_end(head(state=running(9), last=ended(137, "OOMKilled", t=8), restarts=1))
    assert source.previous
