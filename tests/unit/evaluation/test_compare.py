"""A candidate beside its rivals, and the report that is kept of it."""

import numpy as np
import pytest

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.compare import HeldOut, evaluate
from ml_platform.evaluation.gates import GateSpec
from ml_platform.evaluation.metrics import Scored
from ml_platform.evaluation.report import BaselineRows, EvaluationReport

LABELS = np.array([0, 0, 1, 1])
GOOD = Scored(LABELS, np.array([0.1, 0.2, 0.8, 0.9]))
FLAT = Scored(LABELS, np.full(4, 0.5))


def evaluated(*held_out: HeldOut) -> EvaluationReport:
    return evaluate(
        model="flight_delay",
        version=1,
        partition="2013-03-14",
        held_out=held_out,
        gates=(GateSpec(metric="log_loss", better_than="base_rate"),),
    )


def test_the_report_pools_the_days_and_keeps_each() -> None:
    report = evaluated(
        HeldOut(partition="2013-03-15", candidate=GOOD, rivals={"base_rate": FLAT}),
        HeldOut(partition="2013-03-16", candidate=FLAT, rivals={"base_rate": FLAT}),
    )
    assert report.holdout == ("2013-03-15", "2013-03-16")
    assert report.candidate.rows == 8
    assert report.by_partition["2013-03-15"].roc_auc == 1
    assert report.by_partition["2013-03-16"].roc_auc == 0.5


def test_the_gates_are_judged_on_the_paired_difference() -> None:
    report = evaluated(HeldOut(partition="d", candidate=GOOD, rivals={"base_rate": FLAT}))
    assert report.passed
    assert [result.gate for result in report.gate_results] == ["log_loss_better_than_base_rate"]


def test_a_report_reads_back_as_it_was_written() -> None:
    report = evaluated(HeldOut(partition="d", candidate=GOOD, rivals={"base_rate": FLAT}))
    assert EvaluationReport.from_json(report.to_json()) == report


def test_a_report_of_version_0_1_says_verdicts_for_the_results_of_its_gates() -> None:
    report = evaluated(HeldOut(partition="d", candidate=GOOD, rivals={"base_rate": FLAT}))
    old = report.to_json().replace('"gate_results"', '"verdicts"')
    assert EvaluationReport.from_json(old) == report


def test_the_rows_that_baselines_were_fitted_on_are_named() -> None:
    sample = BaselineRows(rows=500_000, of=2_000_000, seed=7)
    assert str(sample) == "500,000 of the window's 2,000,000 rows, drawn with seed 7"
    assert str(BaselineRows(rows=900, of=900, seed=7)) == "all 900 rows of the window"


def test_a_report_of_an_unknown_schema_is_refused_by_name() -> None:
    report = evaluated(HeldOut(partition="d", candidate=GOOD, rivals={"base_rate": FLAT}))
    newer = report.to_json().replace('"schema_version": 1', '"schema_version": 2')
    with pytest.raises(EvaluationError, match="schema_version"):
        EvaluationReport.from_json(newer)


def test_a_rival_that_saw_rows_in_another_order_is_refused() -> None:
    other = Scored(LABELS[::-1].copy(), np.full(4, 0.5))
    with pytest.raises(EvaluationError, match="different rows"):
        evaluated(HeldOut(partition="d", candidate=GOOD, rivals={"base_rate": other}))


def test_a_rival_that_misses_a_day_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"rivals differ between d \(base_rate\) and e"):
        evaluated(
            HeldOut(partition="d", candidate=GOOD, rivals={"base_rate": FLAT}),
            HeldOut(partition="e", candidate=GOOD, rivals={}),
        )


def test_nothing_held_out_is_an_error_with_the_key_to_set() -> None:
    with pytest.raises(EvaluationError, match=r"evaluation\.holdout_days"):
        evaluated()
