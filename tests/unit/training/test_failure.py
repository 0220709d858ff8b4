"""A failure has a named cause, and only what can end otherwise is tried again."""

from pathlib import Path

import pytest

from ml_platform.errors import ModelSpecError, NonFiniteLossError
from ml_platform.training.failure import Decision, after_failure, classify
from ml_platform.training.result import Cause, Failure


class ActorDiedError(Exception):
    """Named as Ray names it."""


class WorkerGroupError(Exception):
    """Wraps the failures of workers as Ray Train does."""

    def __init__(self, message: str, worker_failures: dict[int, BaseException]) -> None:
        super().__init__(message)
        self.worker_failures = worker_failures


WorkerGroupError.__module__ = "ray.train.v2.api.exceptions"


ELSEWHERE = Path("/models/other")


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def from_a_file(path: Path, source: str) -> BaseException:
    """What running `source` raises, as if it stood in `path`."""
    try:
        exec(compile(source, str(path), "exec"), {})
    except Exception as caught:
        return caught
    raise AssertionError


def test_a_user_error_is_named_with_its_line_and_its_own_traceback(tmp_path: Path) -> None:
    user = from_a_file(tmp_path / "train.py", "\nraise KeyError('wind')")
    failure = classify(
        WorkerGroupError("Training failed due to worker errors", {1: user}), code=tmp_path
    )
    assert failure.cause == "user_code"
    assert failure.message == "train.py raised KeyError: 'wind' (line 2)"
    assert failure.hint == "mend train.py at line 2."
    assert "KeyError: 'wind'" in failure.traceback


def test_a_library_that_the_user_called_wrongly_is_the_users_to_mend(tmp_path: Path) -> None:
    user = from_a_file(tmp_path / "train.py", "import json\njson.loads('{')")
    assert classify(user, code=tmp_path).message.startswith("train.py raised JSONDecodeError")


def test_what_the_platform_itself_raised_is_not_blamed_on_train_py(tmp_path: Path) -> None:
    reads = f"from ml_platform.storage import Folder\nFolder('{tmp_path.as_uri()}').read('gone')"
    failure = classify(from_a_file(tmp_path / "train.py", reads), code=tmp_path)
    assert failure.cause == "platform"
    assert failure.message.startswith("the training could not be run: FileNotFoundError")


def test_an_error_that_never_was_in_the_models_folder_is_not_the_users() -> None:
    failure = classify(raised(KeyError("humidity")), code=ELSEWHERE)
    assert failure.cause == "platform"
    assert failure.message == "the training could not be run: KeyError: 'humidity'"


def test_a_model_folder_without_what_it_needs_is_said_as_it_is() -> None:
    error = ModelSpecError("train.py defines no function train", hint="define it")
    failure = classify(raised(error), code=ELSEWHERE)
    assert (failure.cause, failure.message, failure.hint) == (
        "user_code",
        "train.py defines no function train",
        "define it",
    )


def test_a_dead_worker_is_found_below_its_wrappers() -> None:
    outer = WorkerGroupError("failed", {0: ActorDiedError("The actor died unexpectedly")})
    failure = classify(outer, code=ELSEWHERE)
    assert failure.cause == "worker_died"
    assert "The actor died unexpectedly" in failure.message


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no more"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 TB"),
    ],
)
def test_memory_is_named_as_the_cause_even_below_a_dead_worker(error: Exception) -> None:
    died = ActorDiedError("died")
    died.__cause__ = error
    failure = classify(WorkerGroupError("failed", {0: died}), code=ELSEWHERE)
    assert failure.cause == "out_of_memory"
    assert "cluster.workers.memory" in failure.hint


def test_a_loss_that_is_no_number_is_named_with_its_hint() -> None:
    failure = classify(
        WorkerGroupError("failed", {0: NonFiniteLossError("loss became nan", hint="lower it")}),
        code=ELSEWHERE,
    )
    assert (failure.cause, failure.message, failure.hint) == (
        "non_finite_loss",
        "loss became nan",
        "lower it",
    )


def failure_of(cause: Cause) -> Failure:
    return Failure(cause=cause, message="it broke", hint="mend it")


def test_a_dead_worker_is_followed_by_another_start_until_the_budget_is_used() -> None:
    died = failure_of("worker_died")
    assert after_failure(died, retries_used=1, retries=2) is Decision.GO_ON_FROM_CHECKPOINT
    assert after_failure(died, retries_used=2, retries=2) is Decision.GIVE_UP


@pytest.mark.parametrize("cause", ["user_code", "non_finite_loss", "out_of_memory", "platform"])
def test_what_would_end_the_same_way_is_not_tried_again(cause: Cause) -> None:
    assert after_failure(failure_of(cause), retries_used=0, retries=2) is Decision.GIVE_UP
