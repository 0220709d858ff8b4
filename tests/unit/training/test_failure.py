"""A failed training has a named cause, a place and the next thing to do."""

from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.errors import (
    ModelSpecError,
    NonFiniteLossError,
    PlatformError,
    StorageError,
    TrainingStoppedError,
)
from ml_platform.training.failure import classify


class ActorDiedError(Exception):
    """Named as Ray names it."""


class NodeDiedError(Exception):
    """Named as Ray names it."""


class WorkerGroupStartupTimeoutError(Exception):
    """Named as Ray Train names it."""


class WorkerGroupError(Exception):
    """Wraps the failures of workers as Ray Train does."""

    def __init__(self, message: str, worker_failures: dict[int, BaseException]) -> None:
        super().__init__(message)
        self.worker_failures = worker_failures


WorkerGroupError.__module__ = "ray.train.v2.api.exceptions"


class PreemptionError(Exception):
    """Named as Ray Train names it."""


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
    assert failure.cause is Cause.USER_CODE
    assert failure.message == "train.py raised KeyError: 'wind' (line 2)"
    assert failure.hint == "mend train.py at line 2."
    assert "KeyError: 'wind'" in failure.traceback


def test_a_library_that_the_user_called_wrongly_is_the_users_to_mend(tmp_path: Path) -> None:
    user = from_a_file(tmp_path / "train.py", "import json\njson.loads('{')")
    assert classify(user, code=tmp_path).message.startswith("train.py raised JSONDecodeError")


def test_what_the_platform_itself_raised_is_not_blamed_on_train_py(tmp_path: Path) -> None:
    reads = f"from ml_platform.storage import Folder\nFolder('{tmp_path.as_uri()}').read('gone')"
    failure = classify(from_a_file(tmp_path / "train.py", reads), code=tmp_path)
    assert failure.cause is Cause.STORAGE
    assert failure.message.startswith("the training could not be run: FileNotFoundError")


def test_an_error_that_never_was_in_the_models_folder_is_not_the_users() -> None:
    failure = classify(raised(KeyError("humidity")), code=ELSEWHERE)
    assert failure.cause is Cause.PLATFORM
    assert failure.message == "the training could not be run: KeyError: 'humidity'"


def test_a_model_folder_without_what_it_needs_is_said_as_it_is() -> None:
    error = ModelSpecError("train.py defines no function train", hint="define it")
    failure = classify(raised(error), code=ELSEWHERE)
    assert (failure.cause, failure.message, failure.hint) == (
        Cause.BAD_INPUT,
        "train.py defines no function train",
        "define it",
    )


def test_a_dead_worker_is_found_below_its_wrappers() -> None:
    outer = WorkerGroupError("failed", {0: ActorDiedError("The actor died unexpectedly")})
    failure = classify(outer, code=ELSEWHERE)
    assert failure.cause is Cause.WORKER_LOST
    assert "The actor died unexpectedly" in failure.message


def test_a_dead_node_is_told_from_a_dead_worker() -> None:
    died = ActorDiedError("The actor died unexpectedly")
    died.__cause__ = NodeDiedError("node 10.0.0.7 is gone")
    failure = classify(WorkerGroupError("failed", {0: died}), code=ELSEWHERE)
    assert failure.cause is Cause.NODE_LOST
    assert "node 10.0.0.7 is gone" in failure.message


def test_workers_that_did_not_join_are_no_defect_of_the_platforms() -> None:
    error = WorkerGroupStartupTimeoutError("timed out after 1200 seconds waiting for 2 workers")
    failure = classify(error, code=ELSEWHERE)
    assert failure.cause is Cause.NODE_LOST
    assert "waiting for 2 workers" in failure.message


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
    assert failure.cause is Cause.OUT_OF_MEMORY
    assert "cluster.workers.memory" in failure.hint


class OutOfMemoryError(RuntimeError):
    """Named as torch names it."""


FULL = "CUDA out of memory. Tried to allocate 20 GiB. GPU 1 has a total capacity of 39 GiB of which"


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (OutOfMemoryError(FULL), "gpu 1 of rank 3"),
        (OutOfMemoryError("HIP out of memory. Tried to allocate 2 GiB"), "gpu of rank 3"),
        (RuntimeError("CUDA error: out of memory"), "gpu of rank 3"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "gpu of rank 3"),
    ],
)
def test_a_gpu_that_is_full_is_no_matter_of_the_workers_memory(
    error: Exception, place: str
) -> None:
    failure = classify(WorkerGroupError("failed", {3: error}), code=ELSEWHERE)
    assert (failure.cause, str(failure.place)) == (Cause.OUT_OF_MEMORY, place)
    assert "smaller batches, a lower precision" in failure.hint
    assert "workers.memory" not in failure.hint


def test_a_gpu_that_is_full_is_told_in_torchs_own_words_and_not_in_those_of_a_wrapper() -> None:
    class Wrapped(RuntimeError):
        """Repeats what it holds."""

    outer = Wrapped(f"Training failed due to worker errors:\n[Rank 3]:\n  {FULL}")
    outer.__cause__ = OutOfMemoryError(FULL)
    assert classify(outer, code=ELSEWHERE).message == f"a GPU ran out of memory: {FULL}"


def test_a_gpu_that_is_full_outside_of_workers_is_the_drivers() -> None:
    assert str(classify(OutOfMemoryError(FULL), code=ELSEWHERE).place) == "gpu 1 of driver"


def test_a_loss_that_is_no_number_is_named_with_its_hint() -> None:
    failure = classify(
        WorkerGroupError("failed", {0: NonFiniteLossError("loss became nan", hint="lower it")}),
        code=ELSEWHERE,
    )
    assert (failure.cause, failure.message, failure.hint) == (
        Cause.NON_FINITE,
        "loss became nan",
        "lower it",
    )


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TrainingStoppedError("given up", hint="nothing"), Cause.CANCELLED),
        (StorageError("the bucket does not answer", hint="look"), Cause.STORAGE),
    ],
)
def test_what_says_itself_what_it_is_keeps_its_words_below_any_wrapper(
    error: PlatformError, cause: Cause
) -> None:
    failure = classify(WorkerGroupError("failed", {0: error}), code=ELSEWHERE)
    assert (failure.cause, failure.message, failure.hint) == (cause, error.message, error.hint)


def test_the_place_is_the_worker_that_failed_by_its_rank() -> None:
    died = WorkerGroupError("failed", {3: ActorDiedError("died"), 1: ActorDiedError("died")})
    assert str(classify(died, code=ELSEWHERE).place) == "worker rank 1"


def test_what_no_worker_raised_happened_in_the_driver() -> None:
    assert str(classify(raised(KeyError("x")), code=ELSEWHERE).place) == "driver"


def test_a_traceback_names_the_models_folder_and_not_a_copy_of_it() -> None:
    copy = Path("/tmp/scratch-1/mlp-code-abc/flights")
    user = from_a_file(copy / "train.py", "\nraise KeyError('wind')")
    failure = classify(user, code=Path("mlp-code-abc/flights"), shown_as="defs/models/flights")
    assert failure.cause is Cause.USER_CODE
    assert 'File "defs/models/flights/train.py", line 2' in failure.traceback
    assert "mlp-code-abc" not in failure.traceback


def test_a_node_that_is_taken_away_costs_its_worker_alone() -> None:
    failure = classify(raised(PreemptionError("preempted_ranks=(1,)")), code=ELSEWHERE)
    assert failure.cause is Cause.WORKER_LOST
    assert "is taken away: preempted_ranks=(1,)" in failure.message
    assert "last checkpoint" in failure.hint
