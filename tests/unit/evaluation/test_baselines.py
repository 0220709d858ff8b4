"""Baselines: they learn what is there, and take what real snapshots hold."""

import numpy as np
import pyarrow as pa  # noqa: TID253 — tables are Arrow's
import pytest

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.baselines import Baseline, BaseRate, fit_baselines, score_baselines
from ml_platform.evaluation.metrics import score
from ml_platform.evaluation.report import RivalName

ROWS = 4000


def flights(seed: int) -> pa.Table:
    """Late when the wind is strong or the carrier is `slow`, with noise; some winds are missing."""
    random = np.random.default_rng(seed)
    wind = random.normal(10, 4, ROWS)
    carrier = random.choice(["fast", "slow", "other"], ROWS)
    logits = (wind - 12) / 3 + 1.5 * (carrier == "slow") - 0.5
    return pa.table(
        {
            "wind": pa.array(wind, mask=random.random(ROWS) < 0.1),
            "never_known": pa.nulls(ROWS, pa.float64()),
            "carrier": pa.array(carrier, mask=random.random(ROWS) < 0.05),
            "tail": pa.array([f"N{n}" for n in random.integers(0, 2000, ROWS)]),
            "hour": pa.array(random.integers(0, 24, ROWS)),
            "late": pa.array((random.random(ROWS) < 1 / (1 + np.exp(-logits))).astype(np.int8)),
        }
    )


def fitted(table: pa.Table, *, seed: int = 1) -> dict[RivalName, Baseline]:
    return fit_baselines(
        table,
        numbers=["wind", "never_known"],
        categories=["carrier", "tail", "hour"],
        label="late",
        seed=seed,
    )


@pytest.mark.parametrize("name", ["logistic_regression", "gradient_boosted_trees"])
def test_a_baseline_finds_what_numbers_and_categories_tell(name: RivalName) -> None:
    found = score(score_baselines(fitted(flights(1)), flights(2), label="late")[name])
    assert found.roc_auc is not None
    assert found.roc_auc > 0.78
    assert found.calibration_error < 0.05


def test_the_base_rate_predicts_the_share_of_the_window() -> None:
    window = flights(1)
    share = np.mean(window.column("late").to_numpy())
    assert fitted(window)["base_rate"].predict(flights(2)) == pytest.approx(np.full(ROWS, share))


@pytest.mark.parametrize("name", ["logistic_regression", "gradient_boosted_trees"])
def test_the_same_seed_gives_the_same_predictions(name: RivalName) -> None:
    first, second = fitted(flights(1), seed=7)[name], fitted(flights(1), seed=7)[name]
    assert np.array_equal(first.predict(flights(2)), second.predict(flights(2)))


def test_more_values_than_the_trees_can_hold_are_no_error() -> None:
    table = pa.concat_tables([flights(seed) for seed in range(3)])
    many = pa.array([f"v{n % 400}" for n in range(table.num_rows)])
    baselines = fit_baselines(
        table.append_column("many", many), numbers=[], categories=["many"], label="late", seed=1
    )
    unseen = flights(9).append_column("many", pa.array(["never seen"] * ROWS))
    found = score_baselines(baselines, unseen, label="late")["gradient_boosted_trees"]
    assert len(found) == ROWS


def test_a_boolean_label_and_a_model_of_numbers_alone_are_taken() -> None:
    table = flights(1)
    late = table.column("late").cast(pa.bool_())
    table = table.set_column(table.column_names.index("late"), "late", late)
    baselines = fit_baselines(table, numbers=["wind"], categories=[], label="late", seed=1)
    assert len(score_baselines(baselines, table, label="late")["logistic_regression"]) == ROWS


def test_a_window_of_one_label_leaves_the_base_rate() -> None:
    table = flights(1).drop_columns(["late"]).append_column("late", pa.array([0] * ROWS))
    assert set(fitted(table).values()) == {BaseRate(rate=0.0)}


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    with pytest.raises(EvaluationError, match=r"no column wind; it has .*carrier"):
        fitted(flights(1).drop_columns(["wind"]))


def test_an_empty_window_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no rows to fit"):
        fitted(flights(1).slice(0, 0))
