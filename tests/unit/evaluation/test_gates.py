"""Gates: what may be typed, and how candidates are judged."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.gates import Gates, GateSpec, judge
from ml_platform.evaluation.metrics import Difference, Scores
from ml_platform.evaluation.report import EvaluationReport, Incumbent, Rival


def scores(*, roc_auc: float | None = 0.684, log_loss: float = 0.5) -> Scores:
    return Scores(
        rows=900,
        positives=200,
        base_rate=0.22,
        roc_auc=roc_auc,
        log_loss=log_loss,
        calibration_error=0.02,
        brier=0.15,
    )


def rival(name: str, *, roc_auc: float, difference: float = 0.0, error: float = 0.004) -> Rival:
    found = Difference(value=difference, standard_error=error)
    return Rival(
        name=name,
        scores=scores(roc_auc=roc_auc, log_loss=0.5 - difference),
        differences={"roc_auc": found, "log_loss": found, "calibration_error": None},
    )


def report(*rivals: Rival, roc_auc: float | None = 0.684) -> EvaluationReport:
    return EvaluationReport(
        model="flight_delay",
        version=2,
        partition="2013-03-14",
        holdout=("2013-03-15",),
        candidate=scores(roc_auc=roc_auc),
        by_partition={"2013-03-15": scores(roc_auc=roc_auc)},
        rivals=rivals,
    )


def gate(**keys: object) -> GateSpec:
    return GateSpec.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"metric": "roc_auc", "no_worse_than": "champion"}, "roc_auc_no_worse_than_champion"),
        ({"metric": "roc_auc", "at_least": 0.65}, "roc_auc_at_least_0_65"),
        ({"metric": "roc_auc", "at_least": 1}, "roc_auc_at_least_1"),
        ({"metric": "log_loss", "better_than": "base_rate"}, "log_loss_better_than_base_rate"),
        ({"metric": "calibration_error", "at_most": 0.00001}, "calibration_error_at_most_0_00001"),
    ],
)
def test_a_gate_is_named_after_what_it_asks(keys: dict[str, object], name: str) -> None:
    assert gate(**keys).name == name


@given(st.floats(0, 1))
def test_every_name_is_an_identifier(wanted: float) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_]+", gate(metric="roc_auc", at_least=wanted).name)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"metric": "roc_auc"}, "exactly one of at_least, at_most.*found none"),
        (
            {"metric": "roc_auc", "at_least": 0.6, "better_than": "champion"},
            "found at_least and better_than: write one gate for each",
        ),
        ({"metric": "roc_auc", "at_lest": 0.6}, "did you mean 'at_least'"),
        ({"metric": "auc", "at_least": 0.6}, "'roc_auc', 'log_loss' or 'calibration_error'"),
        ({"metric": "roc_auc", "at_most": 0.6}, "a higher roc_auc is better: write at_least: 0.6"),
        ({"metric": "log_loss", "at_least": 1}, "a lower log_loss is better: write at_most: 1"),
        ({"metric": "roc_auc", "at_least": 65}, "65 can never matter: roc_auc lies in 0 … 1"),
        ({"metric": "roc_auc", "better_than": "nobody"}, "best_baseline"),
        (
            {"metric": "roc_auc", "better_than": "champion", "standard_errors": -1},
            "greater than or equal to 0",
        ),
        (
            {"metric": "roc_auc", "at_least": 0.6, "standard_errors": 2},
            "drop it beside at_least",
        ),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused_with_the_fix(
    keys: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        gate(**keys)


def test_the_same_gate_twice_is_refused_by_name() -> None:
    class Holder(BaseModel):
        gates: Gates

    twice = [{"metric": "roc_auc", "at_least": 0.6}, {"metric": "roc_auc", "at_least": 0.60}]
    with pytest.raises(ValidationError, match="roc_auc_at_least_0_6 is there more than once"):
        Holder.model_validate({"gates": twice})


def test_no_worse_than_the_champion_reads_as_a_sentence_with_its_numbers() -> None:
    result = judge(
        gate(metric="roc_auc", no_worse_than="champion"),
        report(rival("champion", roc_auc=0.679, difference=0.005)),
    )
    assert result.passed
    assert result.gate == "roc_auc_no_worse_than_champion"
    assert result.sentence == (
        "ROC AUC 0.6840 is no worse than the champion's 0.6790 (difference +0.0050 ± 0.0040)"
    )


def test_worse_within_the_tolerance_passes_and_names_the_tolerance() -> None:
    result = judge(
        gate(metric="roc_auc", no_worse_than="best_baseline", standard_errors=4),
        report(rival("gradient_boosted_trees", roc_auc=0.69, difference=-0.006)),
    )
    assert result.passed
    assert result.sentence == (
        "ROC AUC 0.6840 is not worse than the gradient-boosted trees' 0.6900 by more than "
        "4 standard errors (difference -0.0060 ± 0.0040)"
    )


def test_worse_by_more_than_the_tolerance_fails_and_says_by_how_much() -> None:
    result = judge(
        gate(metric="roc_auc", no_worse_than="champion", standard_errors=2),
        report(rival("champion", roc_auc=0.693, difference=-0.009)),
    )
    assert not result.passed
    assert result.sentence == (
        "ROC AUC 0.6840 is worse than the champion's 0.6930 by more than 2 standard errors "
        "(difference -0.0090 ± 0.0040)"
    )


def test_for_log_loss_lower_is_better() -> None:
    better = report(rival("base_rate", roc_auc=0.5, difference=-0.05))
    worse = report(rival("base_rate", roc_auc=0.5, difference=0.05))
    wanted = gate(metric="log_loss", better_than="base_rate")
    assert judge(wanted, better).passed
    assert not judge(wanted, worse).passed
    assert judge(wanted, better).sentence == (
        "Log loss 0.5000 is better than the base rate's 0.5500 (difference -0.0500 ± 0.0040)"
    )


@given(
    difference=st.floats(-0.2, 0.2),
    error=st.floats(0.0001, 0.1),
    tolerance=st.floats(0, 5),
)
def test_whoever_is_better_is_also_no_worse(
    difference: float, error: float, tolerance: float
) -> None:
    found = report(rival("champion", roc_auc=0.68, difference=difference, error=error))
    keys = {"metric": "roc_auc", "standard_errors": tolerance}
    better = judge(gate(**keys, better_than="champion"), found)
    no_worse = judge(gate(**keys, no_worse_than="champion"), found)
    assert (better.passed, no_worse.passed) == (
        difference > tolerance * error,
        difference >= -tolerance * error,
    )


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_number_is_reached_or_not(value: float, wanted: float) -> None:
    result = judge(gate(metric="roc_auc", at_least=wanted), report(roc_auc=value))
    assert result.passed == (value >= wanted)


def test_the_best_baseline_is_the_best_on_the_gates_own_metric() -> None:
    found = report(
        rival("base_rate", roc_auc=0.5),
        rival("logistic_regression", roc_auc=0.681),
        rival("gradient_boosted_trees", roc_auc=0.665),
        rival("champion", roc_auc=0.9),
    )
    result = judge(gate(metric="roc_auc", no_worse_than="best_baseline"), found)
    assert "the logistic regression's 0.6810" in result.sentence


def test_without_a_champion_a_comparison_with_it_passes_and_says_so() -> None:
    result = judge(gate(metric="roc_auc", better_than="champion"), report())
    assert result.passed
    assert "there is no champion yet" in result.sentence


def test_a_champion_that_could_not_be_scored_is_named() -> None:
    incumbent = Incumbent(version=3, partition="2013-03-20")
    found = report().model_copy(update={"incumbent": incumbent})
    result = judge(gate(metric="roc_auc", better_than="champion"), found)
    assert result.passed
    assert "version 3 of 2013-03-20) was not scored on these days" in result.sentence


def test_an_undefined_metric_never_passes() -> None:
    result = judge(gate(metric="roc_auc", at_least=0), report(roc_auc=None))
    assert not result.passed
    assert "all 900 held-out rows have the same label" in result.sentence


def test_a_comparison_without_a_standard_error_never_passes() -> None:
    result = judge(
        gate(metric="calibration_error", no_worse_than="champion"),
        report(rival("champion", roc_auc=0.6)),
    )
    assert not result.passed
    assert "cannot be compared" in result.sentence


def test_a_baseline_that_was_not_evaluated_is_an_error_that_names_the_gate() -> None:
    with pytest.raises(EvaluationError, match="log_loss_better_than_base_rate"):
        judge(gate(metric="log_loss", better_than="base_rate"), report())
