"""The driver before it starts any worker."""

from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.spec import RAY_VERSION
from ml_platform.errors import ModelSpecError
from ml_platform.training.entrypoint import (
    asked_of,
    is_of_waiting,
    main,
    require_same_platform,
    require_same_ray,
)
from ml_platform.training.record import Attempt, Ended, Owner, TrainingRecord
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer
from tests.unit.training.driver_acts import drivers, failure_of, result_of, succeeds
from tests.unit.training.one_head import Step, wanted_in


@pytest.fixture
def record(tmp_path: Path) -> TrainingRecord:
    return TrainingRecord(tmp_path.as_uri())


def test_another_minor_version_of_the_platform_is_refused_with_both_named() -> None:
    with pytest.raises(ModelSpecError, match=r"ml_platform 0\.2\.0, its cluster runs 0\.1\.9"):
        require_same_platform("0.2.0", "0.1.9")
    with pytest.raises(ModelSpecError, match="MLP_IMAGE"):
        require_same_platform("1.1.0", "0.1.0")


@pytest.mark.parametrize("wanted", ["0.1.0", "0.1.7", ""])
def test_the_same_minor_version_is_let_pass_and_requests_of_before_it_was_noted(
    wanted: str,
) -> None:
    require_same_platform(wanted, "0.1.3")


def test_an_image_with_another_minor_version_of_ray_is_refused_with_both_named() -> None:
    with pytest.raises(ModelSpecError, match=rf"Ray 2\.9\.3, this platform wants {RAY_VERSION}"):
        require_same_ray("2.9.3")
    with pytest.raises(ModelSpecError, match="MLP_IMAGE"):
        require_same_ray("3.60.0")


def test_a_patch_of_ray_and_the_installed_one_are_let_pass() -> None:
    require_same_ray(f"{RAY_VERSION.rpartition('.')[0]}.7")
    require_same_ray()


def test_a_driver_of_a_training_that_has_a_model_leaves_at_once(record: TrainingRecord) -> None:
    record.commit(result_of(record.attempt(1)))
    assert main([record.folder.uri, "2"]) == 0
    assert record.attempt(2).started() is None


def test_a_driver_of_an_attempt_that_was_given_up_does_not_begin(
    record: TrainingRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    record.attempt(2).close(
        Ended(
            status="failed",
            failure=failure_of(Cause.HEAD_LOST),
            ended_at_s=1,
            seen_by=Owner(run="run", root="root"),
        )
    )
    assert main([record.folder.uri, "2"]) == 1
    assert record.attempt(2).started() is None
    assert "attempt 2 was given up before it began" in capsys.readouterr().err


def test_a_driver_is_of_the_version_that_claimed_its_attempt(
    step: Step, server: RayJobsServer
) -> None:
    step.record.write_request(step.wanted.model_copy(update={"platform_version": "0.1.0"}))
    step.wanted = step.wanted.model_copy(update={"platform_version": "0.2.0"})
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    assert asked_of(step.record, step.record.attempt(1)).platform_version == "0.2.0"


def test_a_driver_reads_from_where_the_storage_was_moved(
    step: Step, server: RayJobsServer, tmp_path: Path
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    old = wanted_in(before)
    TrainingRecord(old.folder_uri).write_request(old)
    before.rename(after)
    step.wanted = wanted_in(after)
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    assert asked_of(step.record, step.record.attempt(1)) == step.wanted


def test_a_claim_from_before_version_and_storage_were_noted_leaves_the_requests(
    step: Step, first: Attempt
) -> None:
    step.record.write_request(step.wanted)
    assert '"storage_root": ""' in first.folder.read("claim.json").decode()
    assert asked_of(step.record, first) == step.wanted


@pytest.mark.parametrize(
    ("cause", "message", "stuck", "expected"),
    [
        (Cause.WORKER_LOST, "it died", "rank 1 is in epoch 5", False),
        (Cause.WORKER_LOST, "it died", "rank 1 has ended", True),
        (Cause.PLATFORM, "Timed out waiting 1800000ms", "rank 1 is in epoch 5", True),
        (Cause.USER_CODE, "KeyError: wind", "rank 1 has ended", False),
        (Cause.USER_CODE, "Timed out waiting 1800000ms", "rank 1 has ended", True),
        (Cause.OUT_OF_MEMORY, "it died", "rank 1 has ended", False),
    ],
)
def test_only_a_time_out_or_a_rank_that_has_ended_makes_waiting_the_cause(
    cause: Cause, message: str, stuck: str, expected: bool
) -> None:
    failure = failure_of(cause).model_copy(update={"message": message})
    assert is_of_waiting(failure, stuck) is expected
