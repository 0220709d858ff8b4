"""A training from which nothing comes any more: stopped, named, and tried once more."""

from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.errors import NoProgressError
from ml_platform.training.positions import HINT
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer
from tests.unit.training.driver_acts import drivers, falls_silent, succeeds
from tests.unit.training.one_head import OneHead, Step, causes, ended, wanted_in


@pytest.fixture
def step(server: RayJobsServer, time: FakeTime, tmp_path: Path) -> Step:
    return Step(
        wanted=wanted_in(tmp_path, max_runtime_s=600, no_progress_s=60),
        provisioner=OneHead(server),
        time=time,
    )


def test_a_training_from_which_nothing_comes_is_stopped_and_tried_once_more(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    server.driven_by(drivers(step.record, falls_silent(time=time), succeeds))

    assert step.train().result.attempt == 2

    assert causes(step) == [Cause.NO_PROGRESS, None]
    (report,) = step.failed
    failure = report.ended.failure
    assert failure is not None
    assert "flight_delay for 2013-03-14 gave no sign of progress for 60 s" in failure.message
    assert (str(failure.place), failure.evidence) == ("driver", ("its last line: epoch 0",))
    assert report.ended.ran_s < 70


def test_a_training_from_which_nothing_comes_twice_names_the_limit(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    server.driven_by(drivers(step.record, falls_silent(time=time)))
    with pytest.raises(NoProgressError) as raised:
        step.train()
    assert "`training.no_progress_s`" in raised.value.hint
    assert len(server.submitted) == 2


def test_a_silent_training_whose_ranks_wait_for_each_other_says_which_is_where(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    stuck = "the workers wait for each other: rank 1 has ended, after 3 batches"
    server.driven_by(drivers(step.record, falls_silent(time=time, stuck=stuck)))
    with pytest.raises(NoProgressError, match="rank 1 has ended") as raised:
        step.train()
    assert raised.value.hint == HINT
    assert [one.ended.failure and one.ended.failure.evidence for one in step.failed] == [
        (stuck,),
        (stuck,),
    ]


def test_a_training_that_writes_checkpoints_makes_progress_without_a_word(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    silent = falls_silent(time=time, checkpoint_after_s=50)
    server.driven_by(drivers(step.record, silent, succeeds))
    step.train()
    assert ended(step.record.attempt(1)).ran_s == pytest.approx(120, abs=10)
