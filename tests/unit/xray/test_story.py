"""The story of a run, from records that the loop itself has written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.interface import LastWords
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.errors import PlatformError
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.costs import CostSum
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.reading import AttemptRef, read_attempt
from ml_platform.xray.story import MOST_LINES, story
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training, note, runs
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer
from tests.unit.training.driver_acts import (
    dies,
    dies_after,
    drivers,
    leave_checkpoint,
    says,
    succeeds,
    trains_on,
)
from tests.unit.training.one_head import OneHead, Step, claimed, wanted_in
from tests.unit.xray.test_store import attempt

HOUR_S = 3600.0


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


class SlowHead(OneHead):
    """Takes a minute to be ready."""

    def __init__(self, server: RayJobsServer, time: FakeTime) -> None:
        super().__init__(server)
        self._time = time

    def replace(self) -> None:
        super().replace()
        self._time.sleep(60)


@pytest.fixture
def time() -> FakeTime:
    time = FakeTime()
    time.now = AT_S
    return time


@pytest.fixture
def head(server: RayJobsServer, time: FakeTime) -> OneHead:
    return SlowHead(server, time)


@pytest.fixture
def step(head: OneHead, time: FakeTime, tmp_path: Path) -> Step:
    """A step that follows a log of which a line comes every 20 seconds."""
    return Step(wanted=wanted_in(tmp_path), provisioner=head, time=time, seconds_per_line=20)


def told(folder_uri: str, numbers: Sequence[int], *, now_s: float = AT_S) -> tuple[str, ...]:
    """The story of what lies in storage."""
    read = [read_attempt(AttemptRef(folder_uri=folder_uri, number=one)) for one in numbers]
    attempts = [one.attempt for one in read if one.attempt]
    events = {one.attempt.key: list(one.events.values()) for one in read if one.attempt is not None}
    lines = story(attempts, events, now_s=now_s, zone=UTC)
    assert len(lines) <= MOST_LINES
    return lines


def told_of(step: Step) -> tuple[str, ...]:
    numbers = [one.number for one in step.record.attempts()]
    return told(step.wanted.folder_uri, numbers, now_s=step.time.now)


def trained(step: Step) -> None:
    """Train, however it ends."""
    try:
        step.train()
    except PlatformError:
        return


def test_a_healthy_run_says_what_came_of_it_and_that_nothing_is_to_be_done(
    step: Step, server: RayJobsServer
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    trained(step)
    assert told_of(step) == (
        "flight_delay of 2013-03-14 succeeded at 2026-11-28 14:01 UTC, 1 min 20 s after it began.",
        "It trains on 28 days up to 2013-03-14, on head 1 CPU, 4Gi; workers 1 × 1 CPU, 4Gi (here), "
        "since 2026-11-28 14:00, for run root.",
        "Attempt 1, 2026-11-28 14:00: started in 1 min, ran 20 s; succeeded.",
        "Next: nothing; `mlp model show flight_delay` has the model.",
    )


def test_a_lost_head_is_told_with_where_the_next_attempt_went_on(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    def lose_it(line: str) -> None:
        step.time.sleep(20)
        if len(step.record.attempts()) == 1:
            leave_checkpoint(step.record.folder, 1, 3, at_s=step.time.now)
            head.lose()

    server.driven_by(drivers(step.record, trains_on(5, time=step.time), succeeds))
    step.train(on_line=lose_it)
    outcome, _, first, second, _ = told_of(step)
    assert "succeeded" in outcome
    assert "started in 1 min, ran 20 s; ended by head_lost in head" in first
    assert first.endswith("; tried again on a new cluster, from epoch 3 of attempt 1.")
    assert second.endswith("; succeeded.")


def test_out_of_memory_is_told_with_where_and_by_what_it_was_seen(
    step: Step, head: OneHead, server: RayJobsServer
) -> None:
    head.words = LastWords(failure=OUT_OF_MEMORY)
    server.driven_by(drivers(step.record, dies))
    trained(step)
    outcome, _, first, second, seen, next_step = told_of(step)
    assert outcome.endswith("after it began: out_of_memory in group workers.")
    assert "(OOMKilled, exit code 137); tried again on a new cluster, from the beginning." in first
    assert second.endswith("; given up, as out_of_memory: all 1 of its retries are spent.")
    assert seen == "What was seen: a worker went over its memory limit and was killed"
    assert next_step == "Next: give the workers more memory in `cluster.workers.memory`."


def test_over_its_limit_is_told_with_the_limit(step: Step, server: RayJobsServer) -> None:
    server.driven_by(drivers(step.record, trains_on(50, time=step.time)))
    trained(step)
    outcome, _, first, seen, next_step = told_of(step)
    assert outcome.endswith("over_limit in driver.")
    assert "ran 2 min" in first
    assert first.endswith("; given up, as over_limit is not tried again.")
    assert "was still running after 120 s, its limit" in seen
    assert "raise `training.max_runtime_s`" in next_step


def test_user_code_is_told_with_what_to_mend(step: Step, server: RayJobsServer) -> None:
    server.driven_by(drivers(step.record, says(Cause.USER_CODE)))
    trained(step)
    outcome, _, first, seen, next_step = told_of(step)
    assert outcome.endswith("user_code in worker rank 0.")
    assert first.endswith("; given up, as user_code is not tried again.")
    assert (seen, next_step) == ("What was seen: it broke by user_code", "Next: mend it")


def test_an_attempt_that_was_superseded_is_told_with_the_one_that_took_its_place(
    step: Step, server: RayJobsServer
) -> None:
    claimed(step)
    server.driven_by(drivers(step.record, succeeds))
    step.wanted = step.wanted.model_copy(
        update={"cluster": ClusterSpec(workers=WorkerGroup(memory="8Gi"))}
    )
    trained(step)
    outcome, _, first, second, _ = told_of(step)
    assert "succeeded" in outcome
    assert first.endswith("; superseded.")
    assert second.endswith("; succeeded.")


def test_workers_that_were_started_again_are_told(step: Step, server: RayJobsServer) -> None:
    server.driven_by(drivers(step.record, dies_after(2, restarts=1), succeeds))
    trained(step)
    _, _, first, _, _ = told_of(step)
    assert "; its workers were started again 1 ×; ended by worker_lost in driver" in first
    assert "from epoch 2 of attempt 1" in first


@pytest.fixture
def waiting(tmp_path: Path) -> Training:
    """A training that waits in a queue."""
    training = Training(storage_root=tmp_path.as_uri())
    attempt = training.claim()
    note(attempt, "cluster", "began", AT_S)
    note(attempt, "cluster", "happened", AT_S + 2, detail="queued: It waits in queue team, place 4")
    return training


def test_one_that_waits_in_a_queue_is_going_on_for_the_reason_that_was_told_last(
    waiting: Training,
) -> None:
    outcome, _, first, next_step = told(waiting.request.folder_uri, [1], now_s=AT_S + HOUR_S)
    assert outcome == (
        "flight_delay of 2013-03-14 is still going on: attempt 1 has been waiting in a queue for "
        "1 h: It waits in queue team, place 4."
    )
    assert first.endswith(": queued 59 min 58 s; goes on.")
    assert "`mlp cluster show flight-delay-model-" in next_step


def test_one_that_never_started_is_told_with_how_long_it_was_tried(
    step: Step, head: OneHead
) -> None:
    head.fails_to_start = 9
    trained(step)
    outcome, _, first, _, _, next_step = told_of(step)
    assert outcome.endswith("start_failed in group w.")
    assert "not started after 0.0 s; ended by start_failed in group w (ErrImagePull)" in first
    assert next_step == "Next: write another"


@pytest.mark.parametrize(
    ("seconds", "most"),
    [(200.0, " (pulling 3 min 20 s: image reg/ml:7 took 200 s on node n1)"), (40.0, "")],
)
def test_what_most_of_a_start_went_to_is_told_with_it(
    tmp_path: Path, seconds: float, most: str
) -> None:
    training = Training(storage_root=tmp_path.as_uri())
    one = training.claim(at_s=AT_S)
    for name, took_s, detail in (
        ("scheduling", 20.0, "the group w waited 20 s until it was given node n1"),
        ("pulling", seconds, f"image reg/ml:7 took {seconds:.0f} s on node n1"),
    ):
        note(one, name, "ended", AT_S + 20 + took_s, seconds=took_s, detail=detail)
    note(one, "running", "began", AT_S + 300)
    _, _, line, *_ = told(training.request.folder_uri, [1], now_s=AT_S + 360)
    assert f"started in 5 min{most}, ran 1 min; goes on" in line


def test_one_that_runs_is_told_with_how_long_it_may(waiting: Training) -> None:
    runs(waiting.record.attempt(1), at_s=AT_S + 10)
    outcome, _, _, next_step = told(waiting.request.folder_uri, [1], now_s=AT_S + 100 + HOUR_S)
    assert outcome.endswith("attempt 1 has been running for 1 h.")
    assert next_step == "Next: nothing; it may run for 6 h."


def test_one_that_should_have_ended_long_ago_is_followed_by_nobody(waiting: Training) -> None:
    runs(waiting.record.attempt(1), at_s=AT_S)
    *_, next_step = told(waiting.request.folder_uri, [1], now_s=AT_S + 7 * HOUR_S)
    assert "nobody may be following it: materialize again, which goes on with it." in next_step


def test_another_run_that_went_on_is_named(tmp_path: Path) -> None:
    training = Training(storage_root=tmp_path.as_uri())
    training.train(1, failure=OUT_OF_MEMORY)
    training.train(2, at_s=AT_S + HOUR_S, run="by-hand")
    _, _, first, _, _ = told(training.request.folder_uri, [1, 2])
    assert "; tried again on a new cluster by run by-hand, from the beginning." in first


def test_more_memory_is_told(tmp_path: Path) -> None:
    training = Training(storage_root=tmp_path.as_uri())
    training.train(1, failure=OUT_OF_MEMORY)
    training.train(2, at_s=AT_S + HOUR_S, rung=1)
    assert "tried again with more memory" in told(training.request.folder_uri, [1, 2])[2]


def test_many_attempts_are_told_in_ten_lines(tmp_path: Path) -> None:
    training = Training(storage_root=tmp_path.as_uri())
    for number in range(1, 13):
        training.train(number, at_s=AT_S + number * HOUR_S, failure=OUT_OF_MEMORY)
    lines = told(training.request.folder_uri, range(1, 13))
    assert len(lines) == MOST_LINES
    assert lines[3] == "Attempts 2 to 8: 7 × out_of_memory."
    assert [line.split(",")[0] for line in lines[4:8]] == [f"Attempt {one}" for one in range(9, 13)]


def test_many_attempts_are_told_in_ten_lines_with_what_was_found_and_what_it_cost() -> None:
    attempts = [attempt(one, status="failed", claimed_at_s=AT_S + one) for one in range(1, 13)]
    found = [
        Finding(
            name=name,
            sentence=f"The {name} is high.",
            evidence=(),
            confidence="high",
            next_step="lower it.",
        )
        for name in ("use", "wait")
    ]
    cost = CostSum(
        name="",
        attempts=12,
        unknown=0,
        cpu_hours=9.0,
        gib_hours=9.0,
        gpu_hours=0.0,
        total=12.0,
        idle=0.0,
        wasted=11.0,
    )
    lines = story(attempts, {}, now_s=AT_S, zone=UTC, cost=cost, found=found)
    assert len(lines) == MOST_LINES
    assert lines[0].endswith(" It cost 12.00, 11.00 of it wasted.")
    assert lines[-3] == "Found in attempt 12: The use is high. The wait is high."


def failed(number: int, **values: object) -> AttemptRecord:
    return attempt(
        number,
        status="failed",
        cause="user_code",
        cause_place="worker rank 0",
        claimed_at_s=AT_S + number,
        training=f"{number:016x}",
        partition=f"2013-03-{number:02d}",
        **values,
    )


def test_a_run_of_several_trainings_is_a_line_for_each_what_failed_first() -> None:
    attempts = [attempt(1), failed(2)]
    assert story(attempts, {}, now_s=AT_S, zone=UTC) == (
        "flight_delay of 2013-03-02 failed at 2026-11-28 14:01 UTC, 58 s after it began: "
        "user_code in worker rank 0.",
        "flight_delay of 2013-03-14 succeeded at 2026-11-28 14:01 UTC, 1 min after it began.",
        "Next: `mlp xray why MODEL PARTITION` tells the story of each.",
    )


def test_of_many_trainings_the_first_are_told_and_all_are_counted() -> None:
    lines = story([failed(one) for one in range(1, 31)], {}, now_s=AT_S, zone=UTC)
    assert len(lines) <= MOST_LINES
    assert lines[-2] == "and 23 more trainings; of all 30 failed."


def test_a_cause_that_only_a_newer_program_knows_is_told_as_it_stands() -> None:
    one = replace(failed(1), cause="cosmic_ray", message="a bit flipped", hint="try again")
    outcome, _, first, seen, next_step = story([one], {}, now_s=AT_S, zone=UTC)
    assert outcome.endswith("cosmic_ray in worker rank 0.")
    assert first.endswith("; ended by cosmic_ray in worker rank 0.")
    assert (seen, next_step) == ("What was seen: a bit flipped", "Next: try again")


def test_what_others_wrote_is_told_in_one_line_and_not_at_any_length(tmp_path: Path) -> None:
    one = replace(failed(1), message="a\nb " + "c" * 1000, evidence=("first\nsecond",))
    *_, first, seen, _ = story([one], {}, now_s=AT_S, zone=UTC)
    assert "(first second)" in first
    assert seen.startswith("What was seen: a b ccc")
    assert len(seen) < 260
