"""Running a model's own code over batches."""

from pathlib import Path

import numpy as np
import pytest
import torch  # noqa: TID253 — batches are torch's

from ml_platform.errors import EvaluationError, ModelSpecError, UserCodeError
from ml_platform.evaluation.scoring import score_batches
from ml_platform.training.api import Batch
from ml_platform.training.predictor import load_predictor


def batch(*labels: float) -> Batch:
    count = len(labels)
    return Batch(
        numbers=torch.arange(count, dtype=torch.float32).reshape(count, 1),
        categories=torch.zeros((count, 0), dtype=torch.int64),
        label=torch.tensor(labels),
    )


def first_number(batch: Batch) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return batch.numbers[:, 0].numpy() / 10


def model_folder(tmp_path: Path, evaluate: str) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "evaluate.py").write_text(evaluate)
    return tmp_path


def test_predictions_come_in_the_order_of_the_batches() -> None:
    scored = score_batches(first_number, [batch(0, 1), batch(1, 1, 0)])
    assert scored.labels.tolist() == [0, 1, 1, 1, 0]
    assert scored.probabilities == pytest.approx([0, 0.1, 0, 0.1, 0.2])


def test_a_predictor_that_raises_is_the_users_error_with_the_users_traceback() -> None:
    def predict(batch: Batch) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        raise KeyError("wind")

    with pytest.raises(UserCodeError, match=r"KeyError on batch 0 \(2 rows\)") as caught:
        score_batches(predict, [batch(0, 1)])
    assert 'raise KeyError("wind")' in caught.value.traceback
    assert "training/predictor.py" not in caught.value.traceback


def test_one_column_too_many_is_named_by_its_shape() -> None:
    with pytest.raises(EvaluationError, match=r"shape \(2, 1\) for batch 0, wanted \(2,\)"):
        score_batches(lambda rows: first_number(rows).reshape(-1, 1), [batch(0, 1)])


def test_logits_in_place_of_probabilities_are_refused() -> None:
    with pytest.raises(EvaluationError, match="is a sigmoid missing"):
        score_batches(lambda rows: first_number(rows) - 3, [batch(0, 1)])


def test_days_without_rows_are_an_error() -> None:
    with pytest.raises(EvaluationError, match="no rows to score"):
        score_batches(first_number, [])


def test_a_predictor_is_loaded_by_the_code_beside_the_weights(tmp_path: Path) -> None:
    folder = model_folder(
        tmp_path, "def load(directory):\n    return lambda batch: batch.label.numpy() * 0 + 0.25\n"
    )
    scored = score_batches(load_predictor(folder), [batch(0, 1)])
    assert scored.probabilities.tolist() == [0.25, 0.25]


def test_a_load_that_raises_is_the_users_error(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, "def load(directory):\n    raise OSError('no weights')\n")
    with pytest.raises(UserCodeError, match=r"load of evaluate\.py raised OSError: no weights"):
        load_predictor(folder)


def test_an_evaluate_py_without_load_is_the_models_error(tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match="defines no function load"):
        load_predictor(model_folder(tmp_path, "x = 1\n"))
