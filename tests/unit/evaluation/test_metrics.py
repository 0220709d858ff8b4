"""Metrics against their definitions, scikit-learn's numbers and what resampling says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.metrics import (
    Scored,
    calibration_points,
    difference,
    score,
)

# Two decimals make ties common, which is where ranks go wrong.
rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 100).map(lambda n: n / 100)), min_size=4, max_size=60
).filter(lambda drawn: 2 <= sum(label for label, _ in drawn) <= len(drawn) - 2)


def scored(drawn: list[tuple[bool, float]]) -> Scored:
    labels, probabilities = zip(*drawn, strict=True)
    return Scored(np.array(labels), np.array(probabilities))


def simulated(seed: int, *, noise: float, count: int = 2000) -> Scored:
    """Rows of one truth, the same for every noise; predictions blurred by it."""
    truth = np.random.default_rng(seed)
    logits = truth.normal(-1, 1, count)
    labels = truth.random(count) < 1 / (1 + np.exp(-logits))
    blurred = logits + np.random.default_rng(seed + 1).normal(0, noise, count)
    return Scored(labels, 1 / (1 + np.exp(-blurred)))


def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    rows = simulated(1, noise=0.5)
    found = score(rows)
    assert found.rows == 2000
    assert found.positives == rows.labels.sum()
    assert found.roc_auc == pytest.approx(roc_auc_score(rows.labels, rows.probabilities))
    assert found.log_loss == pytest.approx(log_loss(rows.labels, rows.probabilities))
    assert found.brier == pytest.approx(brier_score_loss(rows.labels, rows.probabilities))


@given(rows)
def test_roc_auc_is_the_share_of_pairs_in_the_right_order_a_tie_counting_half(
    drawn: list[tuple[bool, float]],
) -> None:
    late = [probability for label, probability in drawn if label]
    punctual = [probability for label, probability in drawn if not label]
    pairs = [(a > b) + (a == b) / 2 for a in late for b in punctual]
    assert score(scored(drawn)).roc_auc == pytest.approx(sum(pairs) / len(pairs))


@given(rows, st.randoms(use_true_random=False))
def test_no_score_depends_on_the_order_of_rows(drawn: list[tuple[bool, float]], order) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(drawn)
    order.shuffle(shuffled)
    before, after = score(scored(drawn)), score(scored(shuffled))
    assert after.roc_auc == pytest.approx(before.roc_auc)
    assert after.log_loss == pytest.approx(before.log_loss)
    assert after.calibration_error == pytest.approx(before.calibration_error, abs=1e-12)


def test_roc_auc_of_a_day_with_one_label_is_undefined_and_the_rest_is_not() -> None:
    found = score(Scored(np.zeros(3), np.array([0.1, 0.2, 0.3])))
    assert found.roc_auc is None
    assert found.base_rate == 0
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.8, 0.7]).mean())


def test_a_certain_mistake_costs_a_finite_log_loss() -> None:
    assert score(Scored(np.array([1.0]), np.array([0.0]))).log_loss == pytest.approx(
        16.118, abs=1e-3
    )


def test_the_base_rate_is_perfectly_calibrated_on_its_own_rows() -> None:
    labels = np.array([0, 0, 0, 1] * 25)
    assert score(Scored(labels, np.full(100, 0.25))).calibration_error == pytest.approx(0)


def test_calibration_error_is_the_mean_gap_between_prediction_and_outcome() -> None:
    labels = np.array([0, 1] * 50)
    probabilities = np.where(np.arange(100) < 50, 0.2, 0.9)
    assert score(Scored(labels, probabilities)).calibration_error == pytest.approx(0.35)


def test_calibration_points_rise_and_hold_about_equally_many_rows() -> None:
    predicted, observed = calibration_points(simulated(1, noise=0))
    assert len(predicted) == len(observed) == 10
    assert np.all(np.diff(predicted) > 0)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "calibration_error"])
def test_a_difference_is_that_of_the_two_scores(metric: str) -> None:
    model, rival = simulated(3, noise=0.2), simulated(3, noise=1.0)
    found = difference(metric, model, rival)  # type: ignore[arg-type]
    assert found is not None
    wanted = getattr(score(model), metric) - getattr(score(rival), metric)
    assert found.value == pytest.approx(wanted)


@settings(max_examples=30)
@given(rows, rows)
def test_the_difference_of_a_model_to_itself_is_exactly_nothing(
    drawn: list[tuple[bool, float]], other: list[tuple[bool, float]]
) -> None:
    found = difference("roc_auc", scored(drawn), scored(drawn))
    assert found is not None
    assert (found.value, found.standard_error) == (0, 0)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "calibration_error"])
def test_a_difference_changes_sign_with_its_order_and_keeps_its_error(metric: str) -> None:
    model, rival = simulated(3, noise=0.2), simulated(3, noise=1.0)
    there = difference(metric, model, rival)  # type: ignore[arg-type]
    back = difference(metric, rival, model)  # type: ignore[arg-type]
    assert there is not None
    assert back is not None
    assert back.value == pytest.approx(-there.value)
    assert back.standard_error == pytest.approx(there.standard_error)


@pytest.mark.parametrize(
    ("metric", "tolerance"), [("roc_auc", 0.1), ("log_loss", 0.1), ("calibration_error", 0.35)]
)
def test_the_standard_error_is_the_spread_over_repeated_samples(
    metric: str, tolerance: float
) -> None:
    found = [
        difference(metric, simulated(seed, noise=0.5), simulated(seed, noise=1.5))  # type: ignore[arg-type]
        for seed in range(0, 600, 2)
    ]
    values = [one.value for one in found if one is not None]
    errors = [one.standard_error for one in found if one is not None]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=tolerance)


def test_two_models_on_other_rows_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError, match="different rows"):
        difference("log_loss", simulated(1, noise=0), simulated(2, noise=0))


def test_a_difference_of_roc_auc_needs_two_rows_of_each_label() -> None:
    rows = Scored(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3]))
    assert difference("roc_auc", rows, rows) is None


@pytest.mark.parametrize(
    ("labels", "probabilities", "found"),
    [
        ([0, 1], [0.5, np.nan], "1 of 2 probabilities are NaN or outside"),
        ([0, 1], [0.5, 1.5], "first is 1.5 at row 1"),
        ([0, 1], [-0.5, 0.5], "first is -0.5 at row 0"),
        ([0, 2], [0.5, 0.5], "first is 2.0 at row 1"),
        ([0, np.nan], [0.5, 0.5], "neither 0 nor 1"),
        ([0, 1], [0.5], "each of 2 rows, found an array of shape \\(1,\\)"),
        ([0, 1], [[0.5], [0.5]], "shape \\(2, 1\\)"),
        ([], [], "no rows to score"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_what_was_found(
    labels: list[float], probabilities: list[float], found: str
) -> None:
    with pytest.raises(EvaluationError, match=found):
        Scored(np.array(labels), np.array(probabilities))
