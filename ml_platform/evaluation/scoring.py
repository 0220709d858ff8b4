"""Run a model's predictor over all rows of a day."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ml_platform.evaluation.metrics import Scored
from ml_platform.training.api import Batch, Predictor
from ml_platform.training.predictor import predict

if TYPE_CHECKING:
    pass


def score_batches(predictor: Predictor, batches: Iterable[Batch]) -> Scored:
    """Labels and predicted probabilities of all rows, in the order of the batches.

    Raises:
        UserCodeError: the predictor raised; carries its traceback.
        EvaluationError: it returned something that is no probability for each row.
    """
    import numpy as np

    labels: list[np.ndarray[Any, Any]] = []
    probabilities: list[np.ndarray[Any, Any]] = []
    for number, batch in enumerate(batches):
        labels.append(np.asarray(batch.label, dtype=np.float64))
        probabilities.append(predict(predictor, batch, number=number))
    return Scored(
        np.concatenate(labels) if labels else np.empty(0),
        np.concatenate(probabilities) if probabilities else np.empty(0),
    )
