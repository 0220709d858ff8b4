"""The evaluation as a Dagster asset: scores on the next days, and a blocking check a gate."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import dagster as dg

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.baselines import fit_baselines, score_baselines
from ml_platform.evaluation.compare import HeldOut, evaluate, pooled
from ml_platform.evaluation.metrics import Metric, Scored, Scores
from ml_platform.evaluation.pictures import calibration_curve
from ml_platform.evaluation.report import (
    METRICS,
    RIVAL_TITLES,
    BaselineRows,
    EvaluationReport,
    Incumbent,
)
from ml_platform.evaluation.scoring import score_batches
from ml_platform.evaluation.spec import EvaluationSpec
from ml_platform.partitions import (
    PartitionBounds,
    daily_partitions,
    days_of,
    holdout_keys,
    require_days,
)
from ml_platform.pictures import Picture
from ml_platform.stages import asset_key
from ml_platform.storage import StorageAccess
from ml_platform.training.api import FeatureEncoding
from ml_platform.training.plan import ModelPlan
from ml_platform.training.predictor import load_predictor
from ml_platform.training.reader import read_batches
from ml_platform.training.request import TrainingRequest
from ml_platform.training_set.manifest import SnapshotManifest
from ml_platform.training_set.store import SnapshotStore

MOST_BASELINE_ROWS: Final = 500_000
"""More rows teach the baselines nothing that their score would show, and have to fit in memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptModel:
    """A version as the registry keeps it, with its files on this machine."""

    version: int
    partition: str
    request: TrainingRequest
    directory: Path


class ModelVersions(Protocol):
    """What the evaluation needs of the resource `registry`, which belongs to a later stage."""

    def candidate(self, model: str, partition: str) -> KeptModel:
        """The newest version of the partition."""

    def opponent(self, model: str, partition: str) -> KeptModel | None:
        """Whom the partition's model has to beat, if there is a champion."""

    def record(self, report: EvaluationReport, pictures: dict[str, bytes]) -> str:
        """Keep the report beside the version; returns the page where people see it."""


def build_evaluation(
    plan: ModelPlan, spec: EvaluationSpec, bounds: PartitionBounds
) -> dg.AssetsDefinition:
    """The asset `<model>/evaluation`, with one blocking check for each gate."""
    key = asset_key(plan.name, "evaluation")

    @dg.asset(
        key=key,
        deps=[
            asset_key(plan.name, "model"),
            dg.AssetDep(
                asset_key(plan.name, "training_set"),
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=1,
                    end_offset=spec.holdout_days,
                    allow_nonexistent_upstream_partitions=True,
                ),
            ),
        ],
        partitions_def=daily_partitions(bounds),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=f"The partition's model scored on the {days_of(spec.holdout_days)} after it, "
        "against the base rate, a logistic regression, gradient-boosted trees and the champion.",
        kinds={"python", "scikitlearn"},
        metadata={"holdout_days": spec.holdout_days},
        check_specs=[
            dg.AssetCheckSpec(
                gate.name,
                asset=key,
                blocking=True,
                description="A gate: the champion moves only if it passes.",
            )
            for gate in spec.gates
        ],
    )
    def evaluation(
        context: dg.AssetExecutionContext,
        storage: dg.ResourceParam[StorageAccess],
        registry: dg.ResourceParam[ModelVersions],
    ) -> Iterator[dg.MaterializeResult[None]]:
        partition = context.partition_key
        days = holdout_keys(partition, spec.holdout_days)
        what = f"evaluating {plan.name} of {partition} on the {days_of(len(days))} after it"
        require_days(days, bounds, what=what)
        store = SnapshotStore(storage.root, plan.name)
        held_out = store.load_days(days, plan.features, what=what)
        candidate = registry.candidate(plan.name, partition)
        champion = registry.opponent(plan.name, partition)
        report, scored = judge_candidate(plan, spec, store, held_out, candidate, champion)
        picture = calibration_curve(scored)
        url = registry.record(report, {"calibration": picture.png})
        for result in report.gate_results:
            context.log.info(result.sentence)
        yield dg.MaterializeResult(
            metadata=_metadata(report, picture, url),
            check_results=[
                dg.AssetCheckResult(
                    check_name=result.gate,
                    passed=result.passed,
                    description=result.sentence,
                    # A run's page shows no description of a check, and a check has no partition.
                    # The number is drawn over time on the check's page.
                    metadata={
                        "finding": result.sentence,
                        "partition": partition,
                        **_known(report.candidate, gate.metric),
                    },
                )
                for gate, result in zip(spec.gates, report.gate_results, strict=True)
            ],
        )

    return evaluation


def judge_candidate(
    plan: ModelPlan,
    spec: EvaluationSpec,
    store: SnapshotStore,
    held_out: list[SnapshotManifest],
    candidate: KeptModel,
    champion: KeptModel | None,
) -> tuple[EvaluationReport, dict[str, Scored]]:
    """Score the candidate and its rivals; returns the report, and predictions by model's name."""
    request, features = candidate.request, candidate.request.features
    columns = [*features.numbers, *features.categories, features.label]
    window = [store.load(one.partition, one.version) for one in request.snapshots]
    seed = request.training.seed
    rows = store.draw(window, columns, rows=MOST_BASELINE_ROWS, seed=seed)
    baselines = fit_baselines(
        rows,
        numbers=features.numbers,
        categories=features.categories,
        label=features.label,
        seed=seed,
    )
    fitted_on = BaselineRows(rows=rows.num_rows, of=sum(one.rows for one in window), seed=seed)
    # A champion that was trained on the held-out days is no fair rival.
    fair = champion is not None and champion.partition < held_out[0].partition
    days = []
    for manifest in with_rows(held_out, what=f"the version of {candidate.partition}"):
        parts = [
            score_baselines(baselines, part, label=features.label)
            for part in store.files(manifest).row_groups(columns)
        ]
        rivals = {name: pooled([part[name] for part in parts]) for name in parts[0]}
        if champion is not None and fair:
            rivals["champion"] = score_kept(champion, store, manifest)
        own = score_kept(candidate, store, manifest)
        days.append(HeldOut(partition=manifest.partition, candidate=own, rivals=rivals))
    report = evaluate(
        model=plan.name,
        version=candidate.version,
        partition=candidate.partition,
        held_out=days,
        gates=spec.gates,
        incumbent=Incumbent.of(champion),
        baseline_rows=fitted_on,
    )
    scored = {"this model": pooled([day.candidate for day in days])}
    if champion is not None and fair:
        scored["champion"] = pooled([day.rivals["champion"] for day in days])
    return report, scored


def with_rows(held_out: list[SnapshotManifest], *, what: str) -> list[SnapshotManifest]:
    """The held-out days that have rows to score: a model may allow a day to have none.

    Raises:
        EvaluationError: none of them has.
    """
    found = [manifest for manifest in held_out if manifest.rows]
    if not found:
        days = ", ".join(one.partition for one in held_out)
        raise EvaluationError(
            f"{what} cannot be scored: there are no rows on {days}",
            hint="hold out more days (evaluation.holdout_days in defs.yaml): the next is the one "
            "that is scored then.",
        )
    return found


def score_kept(model: KeptModel, store: SnapshotStore, manifest: SnapshotManifest) -> Scored:
    """A kept model's predictions for a day, made by the code that it was trained with."""
    encoding = FeatureEncoding.model_validate_json((model.directory / "encoding.json").read_text())
    predictor = load_predictor(model.directory)
    # Left early, its reading thread would live as long as whoever keeps the predictor's error.
    with closing(read_batches(store.file_refs(manifest), encoding)) as batches:
        return score_batches(predictor, batches)


def _metadata(report: EvaluationReport, picture: Picture, url: str) -> dict[str, dg.MetadataValue]:
    records = [
        dg.TableRecord(
            {
                "model": title,
                "roc_auc": _rounded(scores.roc_auc),
                "log_loss": _rounded(scores.log_loss),
                "calibration_error": _rounded(scores.calibration_error),
            }
        )
        for title, scores in [
            (f"this model ({report.partition})", report.candidate),
            *((RIVAL_TITLES[rival.name], rival.scores) for rival in report.rivals),
        ]
    ]
    return {
        "calibration": dg.MetadataValue.md(picture.markdown),
        **{
            name: dg.MetadataValue.float(value)
            for name, value in _known(report.candidate, *METRICS).items()
        },
        "scores": dg.MetadataValue.table(records),
        "baselines_fitted_on": dg.MetadataValue.text(str(report.baseline_rows)),
        "held_out": dg.MetadataValue.text(", ".join(report.holdout)),
        "held_out_rows": dg.MetadataValue.int(report.candidate.rows),
        "mlflow_run": dg.MetadataValue.url(url),
        "gates": dg.MetadataValue.md(
            "\n".join(
                f"- {'✓' if one.passed else '✗'} {one.sentence}" for one in report.gate_results
            )
        ),
    }


def _known(scores: Scores, *metrics: Metric) -> dict[str, float]:
    values = {metric: getattr(scores, metric) for metric in metrics}
    return {metric: value for metric, value in values.items() if value is not None}


def _rounded(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
