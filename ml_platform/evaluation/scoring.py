"""Run a model's predictor over batches; what it raises is the user's, with the user's traceback."""

import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_platform.errors import EvaluationError, PlatformError, UserCodeError
from ml_platform.evaluation.metrics import Scored
from ml_platform.training.api import Batch, Predictor
from ml_platform.training.model_code import load_function
from ml_platform.training.request import CODE_FOLDER

if TYPE_CHECKING:
    import numpy as np


def load_predictor(directory: Path) -> Predictor:
    """The predictor of a trained model, made by the code that is kept beside its weights.

    Raises:
        ModelSpecError: there is no `evaluate.py`, or it defines no `load`.
        UserCodeError: it raised; carries its traceback.
    """
    # A boundary: importing the file runs the user's code, and so does `load`.
    try:
        predictor: Predictor = load_function(directory / CODE_FOLDER, "evaluate", "load")(directory)
    except PlatformError:
        raise
    except Exception as error:
        raise _user_error("load of evaluate.py", "", error) from error
    return predictor


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
        probabilities.append(_predict(predictor, batch, number))
    return Scored(
        np.concatenate(labels) if labels else np.empty(0),
        np.concatenate(probabilities) if probabilities else np.empty(0),
    )


def _predict(predictor: Predictor, batch: Batch, number: int) -> "np.ndarray[Any, Any]":
    import numpy as np

    # A boundary: whatever the user's code raises is reported as theirs.
    try:
        found = np.asarray(predictor(batch), dtype=np.float64)
    except Exception as error:
        where = f" on batch {number} ({len(batch)} rows)"
        raise _user_error("the predictor of evaluate.py", where, error) from error
    if found.shape != (len(batch),):
        raise EvaluationError(
            f"the predictor of evaluate.py returned an array of shape {found.shape} for batch "
            f"{number}, wanted ({len(batch)},)",
            hint="return one probability a row; `.squeeze(-1)` drops a last dimension of 1.",
        )
    return found


def _user_error(who: str, where: str, error: Exception) -> UserCodeError:
    own = error.__traceback__.tb_next if error.__traceback__ else None
    return UserCodeError(
        f"{who} raised {type(error).__name__}{where}: {error}",
        hint="mend evaluate.py and run `mlp model train NAME --partition DAY --retrain --through "
        "evaluation`: a model keeps the code that it was trained with.",
        traceback="".join(traceback.format_exception(type(error), error, own)),
    )
