"""What a driver makes of a training whose epochs are all done: no worker is needed any more."""

import json
import tempfile
from pathlib import Path

import pytest
import torch  # noqa: TID253 — weights are torch's
from safetensors.torch import save_file

from ml_platform.clusters.causes import Cause, Failure
from ml_platform.training.checkpoints import write_checkpoint
from ml_platform.training.entrypoint import main
from ml_platform.training.launch import find_result
from ml_platform.training.model_code import send_code
from ml_platform.training.record import TrainingRecord
from ml_platform.training.request import TrainingRequest
from ml_platform.training.worker import PROGRESS_FILE, TENSORS_FILE, WEIGHTS_FILE
from tests.support.flights import SPEC
from tests.support.trainings import TROUBLED, request

MISSES_A_FILE = "def load(directory):\n    return open(directory / 'vocabulary.txt')\n"
TWO = "def load(directory):\n    return lambda batch: [2.0] * len(batch)\n"


@pytest.fixture
def trained(tmp_path: Path) -> TrainingRequest:
    """All of its epochs are in a checkpoint, and no model is written yet."""
    wanted = request(tmp_path)
    record = TrainingRecord(wanted.folder_uri)
    send_code(wanted, TROUBLED)
    record.write_request(wanted)
    weights = {"weight": torch.zeros((1, len(SPEC.numbers))), "bias": torch.zeros(1)}
    progress = {
        "history": [{"epoch": 3, "metrics": {"train_loss": 0.5}}],
        "loop_s": 1.0,
        "resumed_from_epoch": None,
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name in (TENSORS_FILE, WEIGHTS_FILE):
            save_file(weights, Path(scratch) / name)
        (Path(scratch) / PROGRESS_FILE).write_text(json.dumps(progress))
        write_checkpoint(record.folder, attempt=1, epoch=3, finished=True, source=Path(scratch))
    return wanted


def failure_with(wanted: TrainingRequest, evaluation: str) -> Failure:
    """How the driver ends whose `evaluate.py` is this."""
    record = TrainingRecord(wanted.folder_uri)
    record.folder.write("code/evaluate.py", evaluation.encode())
    assert main([wanted.folder_uri, "2"]) == 1
    outcome = record.attempt(2).outcome()
    assert outcome is not None
    assert outcome.failure is not None
    return outcome.failure


def test_a_training_that_was_done_becomes_a_model(trained: TrainingRequest) -> None:
    assert main([trained.folder_uri, "2"]) == 0
    assert find_result(trained) is not None


def test_an_evaluate_py_that_raises_is_the_users_and_not_the_storages(
    trained: TrainingRequest,
) -> None:
    failure = failure_with(trained, MISSES_A_FILE)
    assert failure.cause is Cause.USER_CODE
    assert "load of evaluate.py raised FileNotFoundError" in failure.message
    assert "vocabulary.txt" in failure.traceback
    assert "mend evaluate.py and materialize again" in failure.hint


def test_what_is_no_probability_is_the_users(trained: TrainingRequest) -> None:
    failure = failure_with(trained, TWO)
    assert failure.cause is Cause.USER_CODE
    assert "returned 2.0" in failure.message
