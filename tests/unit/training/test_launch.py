"""What a training's caller gets: a model, or the named reason why there is none."""

import shutil
from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.errors import (
    ModelSpecError,
    NoProgressError,
    TrainingTimeoutError,
    UserCodeError,
    WorkerDiedError,
)
from ml_platform.training.launch import find_result
from ml_platform.training.model_code import send_code
from ml_platform.training.record import Attempt, TrainingRecord
from ml_platform.training.result import DriverOutcome
from tests.support.trainings import TROUBLED
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer, ScriptedJob
from tests.unit.training.driver_acts import dies, drivers, failure_of, says, succeeds, trains_on
from tests.unit.training.one_head import OneHead, Step, wanted_in


@pytest.fixture
def step(server: RayJobsServer, time: FakeTime, tmp_path: Path) -> Step:
    """A step whose job writes a line a minute."""
    return Step(
        wanted=wanted_in(tmp_path), provisioner=OneHead(server), time=time, seconds_per_line=60
    )


def another(step: Step, root: str) -> Step:
    return Step(wanted=step.wanted, provisioner=step.provisioner, time=step.time, root=root)


def test_a_training_leaves_its_request_its_code_and_one_attempt(
    server: RayJobsServer, step: Step
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    trained = step.train()
    assert (trained.result.attempt, trained.reused, trained.adopted) == (1, False, False)
    assert trained.submission_id == step.wanted.job_key().submission_id(1)
    assert find_result(step.wanted) == trained.result
    assert step.record.folder.names() == ["attempts", "code", "request.json", "result.json"]
    assert step.record.folder.names("code") == ["evaluate.py", "train.py"]


def test_the_job_is_told_its_folder_and_its_attempt(server: RayJobsServer, step: Step) -> None:
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    (submitted,) = server.submitted
    assert submitted["entrypoint"].endswith(
        f"-m ml_platform.training.entrypoint {step.record.folder.uri} 1"
    )
    assert submitted["metadata"] == {
        "asset": "flight_delay/model",
        "partition": "2013-03-14",
        "training": step.wanted.inputs_hash(),
        "attempt": "1",
        "run": "run of root",
    }


def test_a_finished_training_is_returned_without_a_cluster(
    server: RayJobsServer, step: Step
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    first = step.train()
    again = another(step, "next").train()
    assert (again.result, again.reused) == (first.result, True)
    assert len(step.provisioner.acquired) == 1


def test_the_phases_are_those_of_the_cluster_and_then_those_of_the_job(
    server: RayJobsServer, step: Step
) -> None:
    server.driven_by(drivers(step.record, succeeds))
    names = [phase.name for phase in step.train().phases]
    assert names == ["cluster", "submit", "pending", "running"]


def test_code_that_was_edited_meanwhile_is_not_trained(server: RayJobsServer, step: Step) -> None:
    step.wanted = step.wanted.model_copy(update={"code_version": "of yesterday"})
    with pytest.raises(ModelSpecError, match="the training is of of yesterday"):
        step.train()
    assert step.provisioner.acquired == []
    assert not step.record.folder.exists()


def test_a_training_beyond_its_limit_is_stopped_and_names_the_limit(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    server.driven_by(drivers(step.record, trains_on(9, time=time)))

    with pytest.raises(TrainingTimeoutError) as raised:
        step.train()

    assert "flight_delay for 2013-03-14 was still running after 120 s" in raised.value.message
    assert "`training.max_runtime_s`" in raised.value.hint
    assert [job.statuses for job in server.jobs.values()] == [["STOPPED"]]


def test_a_training_whose_ranks_waited_for_each_other_at_its_limit_made_no_progress(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    def waits(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        attempt.note_stuck("the workers wait for each other: rank 1 has ended, after 3 batches")
        return trains_on(9, time=time)(record, attempt)

    server.driven_by(drivers(step.record, waits))
    with pytest.raises(NoProgressError, match="rank 1 has ended"):
        step.train()
    assert len(server.submitted) == 1


def test_what_a_stopped_training_says_of_its_end_is_not_the_cause(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    def dies_of_it(record: TrainingRecord, attempt: Attempt) -> ScriptedJob:
        attempt.note_outcome(DriverOutcome(failure=failure_of(Cause.WORKER_LOST)))
        return trains_on(9, time=time)(record, attempt)

    server.driven_by(drivers(step.record, dies_of_it))
    with pytest.raises(TrainingTimeoutError):
        step.train()


def test_a_training_that_was_stopped_at_its_limit_can_be_tried_again_by_a_person(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    server.driven_by(drivers(step.record, trains_on(9, time=time), succeeds))
    with pytest.raises(TrainingTimeoutError):
        step.train()

    assert another(step, "of a person").train().result.attempt == 2

    key = step.wanted.job_key()
    assert list(server.jobs) == [key.submission_id(1), key.submission_id(2)]


def test_a_retry_of_a_run_whose_training_was_stopped_at_its_limit_is_told_so_at_once(
    server: RayJobsServer, step: Step, time: FakeTime
) -> None:
    server.driven_by(drivers(step.record, trains_on(9, time=time)))
    with pytest.raises(TrainingTimeoutError) as first:
        step.train()
    with pytest.raises(TrainingTimeoutError) as second:
        another(step, "root").train()
    assert second.value.message == first.value.message
    assert len(server.submitted) == 1


def test_user_code_is_tried_once_and_raised_with_its_traceback(
    server: RayJobsServer, step: Step
) -> None:
    server.driven_by(drivers(step.record, says(Cause.USER_CODE, traceback="KeyError: 'wind'")))
    with pytest.raises(UserCodeError) as raised:
        step.train()
    assert raised.value.traceback == "KeyError: 'wind'"
    assert len(server.submitted) == 1


def test_a_jobs_threads_are_the_trainings_and_not_those_of_its_cpus(
    server: RayJobsServer, step: Step
) -> None:
    training = step.wanted.training.model_copy(update={"threads": 3})
    step.wanted = step.wanted.model_copy(update={"training": training})
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    (submitted,) = server.submitted
    assert submitted["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "3"


def test_an_evaluate_py_that_was_mended_after_a_kill_before_the_request_is_the_one_that_counts(
    server: RayJobsServer, step: Step, tmp_path: Path
) -> None:
    code = shutil.copytree(TROUBLED, tmp_path / "troubled")
    step.wanted = step.wanted.model_copy(update={"code": str(code)})
    send_code(step.wanted, code)  # and then it was killed
    (code / "evaluate.py").write_text("mended = True\n")
    server.driven_by(drivers(step.record, succeeds))
    step.train()
    assert step.record.folder.read("code/evaluate.py") == b"mended = True\n"


def test_an_evaluate_py_that_was_mended_needs_no_other_training(
    server: RayJobsServer, step: Step, tmp_path: Path
) -> None:
    code = shutil.copytree(TROUBLED, tmp_path / "troubled")
    step.wanted = step.wanted.model_copy(update={"code": str(code)})
    server.driven_by(drivers(step.record, says(Cause.USER_CODE), succeeds))
    with pytest.raises(UserCodeError):
        step.train()
    (code / "evaluate.py").write_text("mended = True\n")

    assert another(step, "of a person").train().result.attempt == 2

    assert step.record.folder.read("code/evaluate.py") == b"mended = True\n"


def test_a_driver_that_died_on_this_machine_is_not_told_to_ask_for_memory(
    server: RayJobsServer, step: Step
) -> None:
    server.driven_by(drivers(step.record, dies))
    with pytest.raises(WorkerDiedError) as raised:
        step.train()
    assert "smaller batches or fewer workers" in raised.value.hint
    assert "exit code -9" in raised.value.message
