"""Scores of predicted probabilities, and paired differences between two models with their errors.

Everything here is a pure function of labels and probabilities. Two models are compared on the same
rows, so that a hard day is hard for both and cancels out. A standard error counts rows as
independent; rows of one day share its weather, so over few days it is a lower bound.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from ml_platform.errors import EvaluationError

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

Metric = Literal["roc_auc", "log_loss", "calibration_error"]

METRIC_TITLES: Final[dict[Metric, str]] = {
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}
HIGHER_IS_BETTER: Final[frozenset[Metric]] = frozenset({"roc_auc"})

# A probability of exactly 0 or 1 that turns out wrong would cost an infinite log loss. float32
# outputs reach 1.0 by rounding at about this distance; such a row costs at most 16.1.
LOG_LOSS_EPSILON: Final = 1e-7
CALIBRATION_BINS: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Rows with what was predicted for them; checked when made.

    Attributes:
        labels: (rows,), each 0 or 1; kept as float64.
        probabilities: (rows,), each in [0, 1]; kept as float64.

    Raises:
        EvaluationError: no rows, lengths that differ, labels other than 0 and 1, or probabilities
            that are NaN or outside [0, 1].
    """

    labels: "np.ndarray[Any, Any]"
    probabilities: "np.ndarray[Any, Any]"

    def __post_init__(self) -> None:
        import numpy as np

        labels = np.asarray(self.labels, dtype=np.float64)
        probabilities = np.asarray(self.probabilities, dtype=np.float64)
        _require_rows(labels, probabilities)
        _require_values(labels, probabilities)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "probabilities", probabilities)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """How well probabilities fit labels.

    Attributes:
        rows: How many rows.
        positives: How many of them have label 1.
        base_rate: positives / rows.
        roc_auc: Area under the ROC curve; None when all rows have one label, as it is undefined.
        log_loss: Mean negative log-likelihood, nats per row.
        calibration_error: Expected calibration error over bins of equal mass, in [0, 1].
        brier: Mean squared error of the probability.
    """

    rows: int
    positives: int
    base_rate: float
    roc_auc: float | None
    log_loss: float
    calibration_error: float
    brier: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A metric of one model minus that of another on the same rows, with its standard error."""

    value: float
    standard_error: float


def score(scored: Scored) -> Scores:
    """All metrics of one model."""
    positives = int(scored.labels.sum())
    both = 0 < positives < len(scored)
    return Scores(
        rows=len(scored),
        positives=positives,
        base_rate=positives / len(scored),
        roc_auc=_roc_auc(scored) if both else None,
        log_loss=float(_log_losses(scored).mean()),
        calibration_error=float(_calibration_errors(scored).mean()),
        brier=float(((scored.probabilities - scored.labels) ** 2).mean()),
    )


def difference(metric: Metric, model: Scored, rival: Scored) -> Difference | None:
    """`metric` of `model` minus that of `rival`, on the same rows in the same order.

    None where it is undefined: ROC AUC with fewer than two rows of either label, anything with
    fewer than two rows.

    Raises:
        EvaluationError: the two were scored on different rows.
    """
    import numpy as np

    if not np.array_equal(model.labels, rival.labels):
        raise EvaluationError(
            f"two models were scored on different rows: {len(model)} and {len(rival)} rows, or "
            "labels in another order",
            hint="score both on the same held-out snapshot, in its order.",
        )
    match metric:
        case "roc_auc":
            return _roc_auc_difference(model, rival)
        case "log_loss":
            return _mean_difference(_log_losses(model) - _log_losses(rival))
        case "calibration_error":
            return _mean_difference(_calibration_errors(model) - _calibration_errors(rival))


def calibration_bins(scored: Scored) -> "np.ndarray[Any, np.dtype[np.intp]]":
    """Bin of each row, (rows,): about equally many rows a bin, equal probabilities together."""
    import numpy as np

    inner = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    edges = np.unique(np.quantile(scored.probabilities, inner, method="inverted_cdf"))
    return np.searchsorted(edges, scored.probabilities, side="left")


def calibration_points(scored: Scored) -> "tuple[Floats, Floats]":
    """Mean predicted probability and observed share of positives of each bin, in rising order."""
    import numpy as np

    bins = calibration_bins(scored)
    counts = np.bincount(bins)
    filled = counts > 0
    predicted = np.bincount(bins, weights=scored.probabilities)[filled] / counts[filled]
    observed = np.bincount(bins, weights=scored.labels)[filled] / counts[filled]
    return predicted, observed


def _log_losses(scored: Scored) -> "Floats":
    import numpy as np

    likely = np.where(scored.labels == 1, scored.probabilities, 1 - scored.probabilities)
    return -np.log(np.clip(likely, LOG_LOSS_EPSILON, 1))


def _calibration_errors(scored: Scored) -> "Floats":
    """Per-row terms whose mean is the expected calibration error (Naeini et al. 2015, AAAI).

    The error is the mean over rows of the bin's absolute mean residual, which is the mean of each
    row's residual times the sign of its bin. With bins and signs held fixed this linearises the
    error, so a paired difference has a standard error as any mean has.
    """
    import numpy as np

    residuals = scored.probabilities - scored.labels
    bins = calibration_bins(scored)
    return residuals * np.sign(np.bincount(bins, weights=residuals))[bins]


def _mean_difference(differences: "Floats") -> Difference | None:
    if len(differences) < 2:
        return None
    return Difference(
        value=float(differences.mean()),
        standard_error=float(differences.std(ddof=1) / len(differences) ** 0.5),
    )


def _roc_auc(scored: Scored) -> float:
    return float(_placements(scored)[0].mean())


def _roc_auc_difference(model: Scored, rival: Scored) -> Difference | None:
    """The paired test of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44:837-845).

    Computed by midranks in O(n log n): Sun and Xu (2014, IEEE Signal Processing Letters 21:1389).
    """
    of_model, of_rival = _placements(model), _placements(rival)
    positives = of_model[0] - of_rival[0]
    negatives = of_model[1] - of_rival[1]
    if min(len(positives), len(negatives)) < 2:
        return None
    variance = positives.var(ddof=1) / len(positives) + negatives.var(ddof=1) / len(negatives)
    return Difference(value=float(positives.mean()), standard_error=float(variance**0.5))


def _placements(scored: Scored) -> "tuple[Floats, Floats]":
    """For each positive row the share of negatives below it, for each negative of positives above.

    A tie counts as half. The mean of either is the ROC AUC.
    """
    positive = scored.labels == 1
    among_all = _midranks(scored.probabilities)
    positives = scored.probabilities[positive]
    negatives = scored.probabilities[~positive]
    below = (among_all[positive] - _midranks(positives)) / max(len(negatives), 1)
    above = 1 - (among_all[~positive] - _midranks(negatives)) / max(len(positives), 1)
    return below, above


def _midranks(values: "Floats") -> "Floats":
    """Rank of each value from 1; equal values share the mean of their ranks."""
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse]


def _require_rows(labels: "Floats", probabilities: "Floats") -> None:
    if labels.ndim != 1 or labels.shape != probabilities.shape:
        raise EvaluationError(
            f"wanted one probability for each of {len(labels)} rows, found an array of shape "
            f"{probabilities.shape}",
            hint="return a one-dimensional array from the predictor, one probability a row.",
        )
    if not len(labels):
        raise EvaluationError(
            "there are no rows to score",
            hint="look at the training set of the held-out days: is it empty?",
        )


def _require_values(labels: "Floats", probabilities: "Floats") -> None:
    import numpy as np

    wrong = np.flatnonzero((labels != 0) & (labels != 1))
    if len(wrong):
        raise EvaluationError(
            f"{len(wrong)} of {len(labels)} labels are neither 0 nor 1, the first is "
            f"{labels[wrong[0]]} at row {wrong[0]}",
            hint="make the label a column of 0 and 1 without nulls.",
        )
    wrong = np.flatnonzero(~((probabilities >= 0) & (probabilities <= 1)))
    if len(wrong):
        raise EvaluationError(
            f"{len(wrong)} of {len(labels)} probabilities are NaN or outside [0, 1], the first is "
            f"{probabilities[wrong[0]]} at row {wrong[0]}",
            hint="return probabilities from the predictor: is a sigmoid missing, or did the "
            "training diverge?",
        )
