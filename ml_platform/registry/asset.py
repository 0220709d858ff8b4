"""The champion as a Dagster asset: the registry's alias moves if the evaluation says so."""

import dagster as dg

from ml_platform.evaluation.promotion import Promotion, decide
from ml_platform.evaluation.report import EvaluationReport, Incumbent
from ml_platform.partitions import PartitionBounds, daily_partitions
from ml_platform.registry.models import ModelVersion
from ml_platform.registry.registrar import ModelRegistry
from ml_platform.stages import asset_key
from ml_platform.training.plan import ModelPlan


def build_champion(plan: ModelPlan, bounds: PartitionBounds) -> dg.AssetsDefinition:
    """The asset `<model>/champion`."""

    @dg.asset(
        key=asset_key(plan.name, "champion"),
        deps=[asset_key(plan.name, "evaluation")],
        partitions_def=daily_partitions(bounds),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description="The version that serves: the registry's alias `champion` moves to the "
        "partition's model when every gate has passed, and says why when it stays.",
        kinds={"mlflow"},
        pool="champion",
    )
    def champion(
        context: dg.AssetExecutionContext, registry: dg.ResourceParam[ModelRegistry]
    ) -> dg.MaterializeResult[None]:
        candidate, report = registry.evaluated(plan.name, context.partition_key)
        versions = registry.versions
        before = versions.champion(candidate.name)
        promotion = decide(report, Incumbent.of(before))
        if promotion.promote:
            versions.promote(candidate, promotion.reason)
        context.log.info(promotion.reason)
        serving = versions.champion(candidate.name)
        return dg.MaterializeResult(
            metadata=_metadata(before, serving, promotion, report)
            | {"mlflow_run": dg.MetadataValue.url(versions.run_url(candidate))}
        )

    return champion


def _metadata(
    before: ModelVersion | None,
    serving: ModelVersion | None,
    promotion: Promotion,
    report: EvaluationReport,
) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "promoted": dg.MetadataValue.bool(promotion.promote),
        "reason": dg.MetadataValue.text(promotion.reason),
        "champion": dg.MetadataValue.text(_name(serving)),
        "champion_before": dg.MetadataValue.text(_name(before)),
        "held_out": dg.MetadataValue.text(", ".join(report.holdout)),
    }
    if serving is not None:
        lineage = serving.lineage
        days = list(lineage.snapshots)
        metadata |= {
            "champion_window": dg.MetadataValue.text(f"{days[0]} … {days[-1]}"),
            "champion_inputs_hash": dg.MetadataValue.text(lineage.inputs_hash),
            "champion_code_version": dg.MetadataValue.text(lineage.request.code_version),
            "champion_dbt_manifest": dg.MetadataValue.text(lineage.dbt_manifest_hash),
        }
    return metadata


def _name(version: ModelVersion | None) -> str:
    return f"version {version.version} of {version.partition}" if version else "none yet"
