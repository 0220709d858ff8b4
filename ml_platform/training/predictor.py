"""A trained model's own predictor; what it raises is the user's, with the user's traceback."""

import math
import traceback
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.errors import EvaluationError, PlatformError, UserCodeError
from ml_platform.storage import Folder
from ml_platform.training.api import Batch, FeatureEncoding, Predictor
from ml_platform.training.model_code import load_function
from ml_platform.training.reader import DataFileRef, read_batches
from ml_platform.training.request import CODE_FOLDER

if TYPE_CHECKING:
    import numpy as np

LOOK_ROWS: Final = 8


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


def predict(predictor: Predictor, batch: Batch, *, number: int = 0) -> "np.ndarray[Any, Any]":
    """What it predicts for a batch: (rows,), float64.

    Raises:
        UserCodeError: it raised; carries its traceback.
        EvaluationError: it returned something that is no number for each row.
    """
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


def look_at_model(
    model: Folder, files: Sequence[DataFileRef], encoding: FeatureEncoding, scratch: Path
) -> None:
    """Load a model from where it was written, and score some rows of its newest data.

    Args:
        model: The folder of the model.
        files: Its window's files, the newest last.
        encoding: How rows become numbers.
        scratch: A local folder.

    Raises:
        FileNotFoundError: there is no model.
        ModelSpecError: there is no `evaluate.py`, or it defines no `load`.
        UserCodeError: it raised; carries its traceback.
        EvaluationError: a prediction is no probability.
    """
    predictor = load_predictor(model.download(scratch / "written model"))
    for file in reversed(files):
        # Left early, its reading thread would live on.
        with closing(read_batches([file], encoding, rows=LOOK_ROWS)) as batches:
            batch = next(batches, None)
        if batch is None:
            continue
        wrong = [one for one in predict(predictor, batch).tolist() if not _is_probability(one)]
        if wrong:
            raise EvaluationError(
                f"the predictor of evaluate.py returned {wrong[0]} for a row that it was trained "
                "on, wanted a probability",
                hint="return numbers from 0 to 1, such as `torch.sigmoid(logits)`.",
            )
        return


def _is_probability(value: float) -> bool:
    return math.isfinite(value) and 0.0 <= value <= 1.0


def _user_error(who: str, where: str, error: Exception) -> UserCodeError:
    own = error.__traceback__.tb_next if error.__traceback__ else None
    return UserCodeError(
        f"{who} raised {type(error).__name__}{where}: {error}",
        hint="mend evaluate.py and run `mlp model train NAME --partition DAY --retrain --through "
        "evaluation`: a model keeps the code that it was trained with.",
        traceback="".join(traceback.format_exception(type(error), error, own)),
    )
