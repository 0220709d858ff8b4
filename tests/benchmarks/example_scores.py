"""How good the example is: `make scores`; prints the README's table.

The test days are the 15th of every month from March on, the first month with a window before it; a
rule, so that no day is picked for its result. Each model is trained on the 28 days before its test
day, and scored on that day against baselines of the same rows. A day is one observation: flights of
a day share its weather, so the standard error is that over days.
"""

import os
import statistics
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from ml_platform.settings import PROJECT_ROOT
from tests.benchmarks.fixed_loop import MODEL
from tests.benchmarks.tables import print_table

if TYPE_CHECKING:
    from ml_platform.evaluation.metrics import Scores
    from ml_platform.evaluation.report import EvaluationReport, RivalName

HOME: Final = PROJECT_ROOT / ".mlp" / "scores"
TEST_DAYS: Final = tuple(date(2013, month, 15) for month in range(3, 13))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean over the test days with its standard error."""

    value: float
    standard_error: float


def mean_over_days(values: list[float]) -> Mean:
    """The mean, and the standard error of it."""
    error = statistics.stdev(values) / len(values) ** 0.5
    return Mean(value=statistics.fmean(values), standard_error=error)


def main() -> None:
    """Train what is missing, score each test day, print the tables."""
    from ml_platform.cli.main import run

    os.environ |= {"MLP_HOME": str(HOME), "DAGSTER_HOME": str(HOME / "dagster")}
    for day in TEST_DAYS:
        partition = (day - timedelta(days=1)).isoformat()
        command = ["backfill", MODEL, "--from", partition, "--to", partition, "--here"]
        if run([*command, "--through", "evaluation"]):
            sys.exit(1)
    run(["cluster", "stop", "--all"])
    _print([_report(day) for day in TEST_DAYS])


def _report(day: date) -> "EvaluationReport":
    """The model of the day before `day`, judged on `day` alone."""
    from ml_platform.evaluation.asset import judge_candidate
    from ml_platform.model_folder.read import read_model
    from ml_platform.registry.mlflow_registry import Registry
    from ml_platform.registry.registrar import ModelRegistry
    from ml_platform.settings import load_settings
    from ml_platform.training_set.store import SnapshotStore

    settings = load_settings()
    model = read_model(MODEL)
    store = SnapshotStore(settings.storage_root, MODEL)
    candidate = ModelRegistry(Registry(settings), settings.namespace).candidate(
        MODEL, (day - timedelta(days=1)).isoformat()
    )
    held_out = [store.load(day.isoformat())]
    spec = model.evaluation.model_copy(update={"gates": ()})
    return judge_candidate(model.plan, spec, store, held_out, candidate, None)[0]


def _print(reports: "list[EvaluationReport]") -> None:
    rivals: tuple[tuple[RivalName, str], ...] = (
        ("base_rate", "base rate"),
        ("logistic_regression", "logistic regression"),
        ("gradient_boosted_trees", "gradient-boosted trees"),
    )
    print_table(
        (
            *("test day", "flights", "late", "ROC AUC: model"),
            *(title for _, title in rivals[1:]),
            "log loss: model",
            *(title for _, title in rivals),
        ),
        [
            (
                report.holdout[0],
                f"{report.candidate.rows}",
                f"{report.candidate.base_rate:.0%}",
                f"{report.candidate.roc_auc:.3f}",
                *(f"{_rival(report, name).roc_auc:.3f}" for name, _ in rivals[1:]),
                f"{report.candidate.log_loss:.3f}",
                *(f"{_rival(report, name).log_loss:.3f}" for name, _ in rivals),
            )
            for report in reports
        ],
    )
    rows = []
    for name, title in rivals:
        auc = mean_over_days(
            [(one.candidate.roc_auc or 0) - (_rival(one, name).roc_auc or 0) for one in reports]
        )
        loss = mean_over_days(
            [one.candidate.log_loss - _rival(one, name).log_loss for one in reports]
        )
        rows.append((title, *(f"{m.value:+.4f} ± {m.standard_error:.4f}" for m in (auc, loss))))
    aucs = mean_over_days([one.candidate.roc_auc or 0 for one in reports])
    losses = mean_over_days([one.candidate.log_loss for one in reports])
    print_table(
        ("model minus", "ROC AUC (more is better)", "log loss (less is better)"),
        [*rows, ("(the model itself)", f"{aucs.value:.4f}", f"{losses.value:.4f}")],
    )


def _rival(report: "EvaluationReport", name: "RivalName") -> "Scores":
    found = report.rival(name)
    assert found is not None
    return found.scores


if __name__ == "__main__":
    main()
