"""Who becomes the champion."""

import pytest

from ml_platform.evaluation.metrics import Scores
from ml_platform.evaluation.promotion import decide
from ml_platform.evaluation.report import EvaluationReport, GateResult, Incumbent

SCORES = Scores(
    rows=9,
    positives=2,
    base_rate=2 / 9,
    roc_auc=0.7,
    log_loss=0.5,
    calibration_error=0.1,
    brier=0.2,
)
PASSED = GateResult(gate="a", passed=True, sentence="ROC AUC 0.7 is at least 0.6")
FAILED = GateResult(gate="b", passed=False, sentence="log loss 0.5 is above the allowed 0.4")


def report(*results: GateResult, incumbent: Incumbent | None = None) -> EvaluationReport:
    return EvaluationReport(
        model="m",
        version=2,
        partition="2013-03-14",
        holdout=("2013-03-15",),
        candidate=SCORES,
        by_partition={"2013-03-15": SCORES},
        rivals=(),
        incumbent=incumbent,
        gate_results=results,
    )


OLD = Incumbent(version=1, partition="2013-03-13")
LATER = Incumbent(version=7, partition="2013-03-20")


def test_a_candidate_that_passes_every_gate_is_promoted_with_the_findings_as_reason() -> None:
    promotion = decide(report(PASSED, PASSED), None)
    assert promotion.promote
    assert promotion.reason.startswith("every gate passed: ROC AUC 0.7 is at least 0.6; ROC AUC")


def test_one_failed_gate_keeps_the_champion_and_only_what_failed_is_the_reason() -> None:
    promotion = decide(report(PASSED, FAILED), None)
    assert not promotion.promote
    assert promotion.reason == "1 of 2 gates failed: log loss 0.5 is above the allowed 0.4"


@pytest.mark.parametrize("judged_beside", [None, OLD, LATER])
def test_a_model_of_an_older_day_never_replaces_a_newer_one(
    judged_beside: Incumbent | None,
) -> None:
    promotion = decide(report(PASSED, incumbent=judged_beside), LATER)
    assert not promotion.promote
    assert "version 7, is the model of 2013-03-20, a later day than 2013-03-14" in promotion.reason


def test_a_champion_that_came_after_the_evaluation_is_not_replaced_unjudged() -> None:
    promotion = decide(report(PASSED), OLD)
    assert not promotion.promote
    assert "judged beside none, and now there is version 1 of 2013-03-13" in promotion.reason
    assert "materialize m/evaluation once more" in promotion.reason


def test_a_champion_that_is_materialized_once_more_stays_promoted() -> None:
    itself = Incumbent(version=2, partition="2013-03-14")
    assert decide(report(PASSED, incumbent=OLD), itself).promote


def test_a_model_of_the_same_day_may_replace_it() -> None:
    same_day = Incumbent(version=1, partition="2013-03-14")
    assert decide(report(PASSED, incumbent=same_day), same_day).promote


def test_a_model_without_gates_is_promoted_and_says_so() -> None:
    promotion = decide(report(), None)
    assert promotion.promote
    assert promotion.reason == "the model has no gates"
