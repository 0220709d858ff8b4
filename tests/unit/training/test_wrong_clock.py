"""A pod's clock is wrong: nobody stops a training for it, nor lets it run for ever."""

from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.errors import TrainingTimeoutError
from ml_platform.training.record import Attempt, Ready, Started, TrainingRecord
from ml_platform.training.running_time import ran_s
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.training.driver_acts import Act, drivers, falls_silent, succeeds, trains_on
from tests.unit.training.one_head import OneHead, Step, causes, ended, wanted_in

HOUR_S = 3600.0


@pytest.fixture
def step(server: RayJobsServer, time: FakeTime, tmp_path: Path) -> Step:
    return Step(
        wanted=wanted_in(tmp_path, max_runtime_s=600, no_progress_s=60),
        provisioner=OneHead(server),
        time=time,
    )


def trains_by_a_clock(off_s: float, *, time: FakeTime, lines: int, ends_as: str) -> Act:
    """Its pod's clock differs by so much."""

    def act(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        attempt.note_started(Started(at_s=time.now + off_s))
        return ScriptedJob(
            statuses=["RUNNING"],
            log="epoch\n" * lines,
            hangs=ends_as == "RUNNING",
            ends_as=ends_as,
        )

    return act


@pytest.mark.parametrize("off_s", [-HOUR_S, HOUR_S])
def test_a_training_within_its_limit_is_not_stopped(
    server: RayJobsServer, step: Step, time: FakeTime, off_s: float
) -> None:
    drive = trains_by_a_clock(off_s, time=time, lines=5, ends_as="FAILED")
    server.driven_by(drivers(step.record, drive, trains_on(20, time=time)))
    step.seconds_per_line = 40
    with pytest.raises(TrainingTimeoutError):
        step.train()
    one, _ = step.record.attempts()
    assert causes(step) == [Cause.WORKER_LOST, Cause.OVER_LIMIT]
    assert ended(one).ran_s == pytest.approx(5 * 40, abs=5)


@pytest.mark.parametrize("off_s", [-HOUR_S, HOUR_S])
def test_a_training_over_its_limit_is_stopped(
    server: RayJobsServer, step: Step, time: FakeTime, off_s: float
) -> None:
    drive = trains_by_a_clock(off_s, time=time, lines=30, ends_as="RUNNING")
    server.driven_by(drivers(step.record, drive))
    step.seconds_per_line = 40
    with pytest.raises(TrainingTimeoutError):
        step.train()
    (one,) = step.record.attempts()
    assert ended(one).ran_s == pytest.approx(600, abs=45)


@pytest.mark.parametrize("off_s", [-HOUR_S, HOUR_S])
def test_a_checkpoint_is_progress_once_whatever_time_it_bears(
    server: RayJobsServer, step: Step, time: FakeTime, off_s: float
) -> None:
    silent = falls_silent(time=time, checkpoint_after_s=off_s)
    server.driven_by(drivers(step.record, silent, succeeds))
    step.train()
    assert ended(step.record.attempt(1)).ran_s == pytest.approx(120, abs=10)


@pytest.mark.parametrize(
    ("started_s", "ready_s", "seen_s", "expected"),
    [
        pytest.param(900, 890, 90, 100, id="clocks that agree"),
        pytest.param(930, 890, 100, 100, id="a little ahead"),
        pytest.param(-2600, 890, 90, 110, id="an hour behind: since its cluster was ready"),
        pytest.param(4500, 890, 90, 110, id="an hour ahead: since its cluster was ready"),
        pytest.param(4500, None, 90, 90, id="an hour ahead: as long as it was seen"),
    ],
)
def test_what_cannot_be_is_not_believed(
    started_s: float, ready_s: float | None, seen_s: float, expected: float
) -> None:
    ready = None if ready_s is None else Ready(incarnation="one", at_s=ready_s)
    assert ran_s(Started(at_s=started_s), ready, now_s=1000, seen_s=seen_s) == expected
