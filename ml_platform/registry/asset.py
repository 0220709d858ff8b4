"""The champion as a Dagster asset: the registry's alias moves if the evaluation says so."""

import dagster as dg

from ml_platform.errors import RegistryError
from ml_platform.evaluation.promotion import Promotion, decide
from ml_platform.evaluation.report import EvaluationReport, Incumbent
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.models import ModelVersion
from ml_platform.settings import Settings, load_settings
from ml_platform.training.plan import ModelPlan


def build_champion(
    plan: ModelPlan, partitions_def: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """The asset `<model>/champion`."""

    @dg.asset(
        key=dg.AssetKey([plan.name, "champion"]),
        deps=[dg.AssetKey([plan.name, "evaluation"])],
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description="The version that serves: the registry's alias `champion` moves to the "
        "partition's model when every gate has passed, and says why when it stays.",
        kinds={"mlflow"},
        pool="champion",
    )
    def champion(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        settings = load_settings()
        registry = Registry(settings)
        candidate, report = evaluated(registry, settings, plan.name, context.partition_key)
        before = registry.champion(candidate.name)
        promotion = decide(report, Incumbent.of(before))
        if promotion.promote:
            registry.promote(candidate, promotion.reason)
        context.log.info(promotion.reason)
        serving = registry.champion(candidate.name)
        return dg.MaterializeResult(
            metadata=_metadata(before, serving, promotion, report)
            | {"mlflow_run": dg.MetadataValue.url(registry.run_url(candidate))}
        )

    return champion


def evaluated(
    registry: Registry, settings: Settings, model: str, partition: str
) -> tuple[ModelVersion, EvaluationReport]:
    """A partition's newest version and its evaluation.

    Raises:
        RegistryError: it was not trained, or not evaluated since.
    """
    candidate = registry.newest(settings.registered_name(model), partition)
    report = registry.evaluation(candidate) if candidate else None
    if candidate is None or report is None:
        missing = "model" if candidate is None else "evaluation"
        raise RegistryError(
            f"there is no {missing} of {model} for {partition}",
            hint=f"materialize {model}/{missing} for {partition} first.",
        )
    return candidate, report


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
