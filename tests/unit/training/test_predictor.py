"""A model is loaded and scores rows before it counts as made."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch  # noqa: TID253 — weights are torch's
from safetensors.torch import save_file

from ml_platform.errors import EvaluationError, ModelSpecError, UserCodeError
from ml_platform.storage import Folder
from ml_platform.training.entrypoint import prepare
from ml_platform.training.predictor import look_at_model
from ml_platform.training.request import CODE_FOLDER
from tests.support.trainings import TROUBLED, request

RAISES = "def load(directory):\n    def predict(batch):\n        return 1 / 0\n    return predict\n"
TWO = "def load(directory):\n    return lambda batch: [2.0] * len(batch)\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model as the driver writes one."""
    model = tmp_path / "model"
    shutil.copytree(TROUBLED, model / CODE_FOLDER, ignore=shutil.ignore_patterns("__pycache__"))
    return model


@pytest.fixture
def look(model: Path, tmp_path: Path) -> Callable[[], None]:
    encoding, files, _ = prepare(request(tmp_path / "storage"))
    count = len(encoding.numbers)
    save_file(
        {"weight": torch.zeros((1, count)), "bias": torch.zeros(1)}, model / "model.safetensors"
    )
    return lambda: look_at_model(Folder(model.as_uri()), files, encoding, tmp_path / "scratch")


def test_a_whole_model_passes(look: Callable[[], None]) -> None:
    look()


def test_a_model_that_is_not_there_is_told(look: Callable[[], None], model: Path) -> None:
    shutil.rmtree(model)
    with pytest.raises(FileNotFoundError, match="model"):
        look()


def test_weights_that_are_missing_are_told(look: Callable[[], None], model: Path) -> None:
    (model / "model.safetensors").unlink()
    with pytest.raises(UserCodeError, match=r"model\.safetensors"):
        look()


def test_code_that_is_missing_is_told(look: Callable[[], None], model: Path) -> None:
    (model / CODE_FOLDER / "evaluate.py").unlink()
    with pytest.raises(ModelSpecError, match=r"evaluate\.py"):
        look()


def test_a_predictor_that_raises_is_told_with_its_line(
    look: Callable[[], None], model: Path
) -> None:
    (model / CODE_FOLDER / "evaluate.py").write_text(RAISES)
    with pytest.raises(UserCodeError, match="ZeroDivisionError") as raised:
        look()
    assert "return 1 / 0" in raised.value.traceback


def test_what_is_no_probability_is_told(look: Callable[[], None], model: Path) -> None:
    (model / CODE_FOLDER / "evaluate.py").write_text(TWO)
    with pytest.raises(EvaluationError, match=r"2\.0"):
        look()
