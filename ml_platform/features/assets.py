"""dbt's models as Dagster assets: `staging` as views, `features` by day.

A range of days is one dbt invocation, and a model is one statement for all of them.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import metadata
from typing import Any, Final

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource, DbtProject, dbt_assets
from packaging.version import Version

from ml_platform.features.failure import build_error, require_complete
from ml_platform.features.outcome import Found, look, look_at_whole, shortcoming
from ml_platform.features.project import (
    DbtAccess,
    DbtSettings,
    database,
    dbt_environment,
    dbt_executable,
    manifest_hash,
    prepared_manifest,
    remove_old_runs,
    target_folder,
)
from ml_platform.features.schema_change import FeatureBuildConfig, drifted, require_whole
from ml_platform.features.table_metadata import (
    add_row_counts,
    lineage_metadata,
    lineage_table,
    only_describes,
)
from ml_platform.features.tables import ModelTable, asset_names, model_table, tables_of
from ml_platform.features.translator import FeatureTranslator
from ml_platform.features.windows import window_arguments
from ml_platform.partitions import daily_partitions, require_days
from ml_platform.settings import Settings
from ml_platform.stages import FEATURES, STAGING
from ml_platform.warehouse.interface import Warehouse, WarehouseAccess

POOL: Final = "warehouse"


def build_staging_assets(settings: Settings) -> dg.AssetsDefinition:
    """The views over the raw tables, without partitions."""

    @dbt_assets(
        manifest=prepared_manifest(settings),
        select=STAGING,
        name=STAGING,
        dagster_dbt_translator=FeatureTranslator(),
        pool=POOL,
    )
    def staging(
        context: dg.AssetExecutionContext,
        dbt: dg.ResourceParam[DbtAccess],
        warehouse: dg.ResourceParam[WarehouseAccess],
    ) -> Iterator[Any]:
        yield from run_dbt(context, dbt, warehouse, ["build"])

    return staging


def build_feature_assets(settings: Settings) -> dg.AssetsDefinition:
    """The feature tables, partitioned by day; a backfill of many days is one run."""

    @dbt_assets(
        manifest=prepared_manifest(settings),
        select=FEATURES,
        name=FEATURES,
        partitions_def=daily_partitions(settings),
        backfill_policy=dg.BackfillPolicy.single_run(),
        dagster_dbt_translator=FeatureTranslator(),
        pool=POOL,
    )
    def features(
        context: dg.AssetExecutionContext,
        config: FeatureBuildConfig,
        dbt: dg.ResourceParam[DbtAccess],
        warehouse: dg.ResourceParam[WarehouseAccess],
    ) -> Iterator[Any]:
        days = list(context.partition_keys)
        require_days(days, settings, what="building features")
        if config.full_refresh:
            manifest = json.loads(prepared_manifest(dbt.on(warehouse)).read_text())
            with warehouse.open() as opened:
                require_whole(opened, tables_of(manifest, context.selected_asset_keys), days)
        build = ["build", *config.flags(), *window_arguments(days)]
        variables = config.variables()
        yield from run_dbt(context, dbt, warehouse, build, days=days, variables=variables)

    return features


def run_dbt(
    context: dg.AssetExecutionContext,
    dbt: DbtAccess,
    warehouse: WarehouseAccess,
    arguments: Sequence[str],
    *,
    days: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """Run dbt for the selected models and hand on its events, with rows, columns and lineage.

    What was built before a failure is recorded before the error is raised; a model of which a test
    failed is not, for it would count as made in the next run.

    Args:
        context: Says which models and checks are selected.
        dbt: The project.
        warehouse: Where it builds.
        arguments: dbt's command and flags, without a selection.
        days: The partitions, to count their rows.
        variables: More environment variables of dbt.

    Raises:
        FeatureBuildError: a model failed to build, or one of its tests failed; has dbt's message.
            Or dbt was content, and a day's rows or a whole table are not there.
    """
    settings = dbt.on(warehouse)
    manifest = prepared_manifest(settings)
    remove_old_runs(target_folder(settings), now=time.time())
    with dbt_environment(settings, variables):
        invocation = _Dbt(
            project_dir=DbtProject(settings.project_dir, target_path=target_folder(settings)),
            dbt_executable=dbt_executable(),
        ).cli(
            list(arguments),
            manifest=manifest,
            dagster_dbt_translator=FeatureTranslator(),
            context=context,
            raise_on_error=False,
        )
        # To the end first: only then is the warehouse free for counting rows.
        events = _without_failing(context, list(invocation.stream()))
    built = _built(context, invocation.manifest, events)
    short = _describe(context, settings, warehouse, invocation, built, days)
    yield from (event for event in events if _key(context, event) not in short)
    if invocation.process.returncode != 0:
        results = _results(invocation)
        tables = _tables_that_drifted(warehouse, invocation.manifest, results)
        raise build_error(
            results,
            str(invocation.get_error() or ""),
            tables,
            asset_names(invocation.manifest),
        )
    require_complete(planned=context.selected_asset_keys, built=built.keys(), short=short)
    shutil.rmtree(invocation.target_path, ignore_errors=True)


class _Dbt(DbtCliResource):
    """dagster-dbt's runner without two costs that it has no switch for.

    It asks `dbt --version` each time, which takes seconds and looks for news on the network,
    and it opens the warehouse in this process, where DuckDB then locks out the next dbt. Drop it
    once dagster-dbt makes both optional.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        return None


def _results(invocation: DbtCliInvocation) -> Mapping[str, Any]:
    try:
        return invocation.get_artifact("run_results.json")
    except FileNotFoundError:  # dbt stopped before it ran anything
        return {}


def _tables_that_drifted(
    warehouse: WarehouseAccess, manifest: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, Found]:
    """What a full refresh of them would build anew, as far as it is known."""
    found: dict[str, Found] = {}
    if models := drifted(results):
        with only_describes("what a full refresh costs"), warehouse.open() as opened:
            for model in models:
                found[model] = look(opened, model_table(manifest, model))
    return found


def _without_failing(context: dg.AssetExecutionContext, events: Sequence[Any]) -> list[Any]:
    """The events less the outputs of models of which a test failed."""
    failing = {
        event.asset_key
        for event in events
        if isinstance(event, dg.AssetCheckResult | dg.AssetCheckEvaluation)
        and not event.passed
        and event.severity is dg.AssetCheckSeverity.ERROR
    }
    return [
        event
        for event in events
        if not isinstance(event, dg.Output)
        or context.asset_key_for_output(event.output_name) not in failing
    ]


def _key(context: dg.AssetExecutionContext, event: object) -> dg.AssetKey | None:
    """The asset that `event` is the output of."""
    if not isinstance(event, dg.Output):
        return None
    return context.asset_key_for_output(event.output_name)


def _built(
    context: dg.AssetExecutionContext, manifest: Mapping[str, Any], events: Sequence[Any]
) -> dict[dg.AssetKey, ModelTable]:
    """The tables that dbt says it has built, by their assets."""
    return {
        context.asset_key_for_output(event.output_name): model_table(
            manifest, str(event.metadata["unique_id"].value)
        )
        for event in events
        if isinstance(event, dg.Output)
    }


def _describe(
    context: dg.AssetExecutionContext,
    settings: DbtSettings,
    warehouse: WarehouseAccess,
    invocation: DbtCliInvocation,
    built: Mapping[dg.AssetKey, ModelTable],
    days: Sequence[str],
) -> dict[dg.AssetKey, str]:
    """Look at what was built and add its rows and lineage; says what is not there."""
    short: dict[dg.AssetKey, str] = {}
    if not built:
        return short
    with warehouse.open() as opened:
        ours = {}
        for key, table in built.items():
            if table.database == database(settings):
                ours[key] = table
            else:
                context.log.warning(f"not looked at: {table.relation} is in another database")
        daily = {
            one.unique_id: look(opened, one)
            for one in ours.values()
            if days and one.materialized != "view"
        }
        whole = [one for one in ours.values() if one.unique_id not in daily]
        seen = daily | look_at_whole(opened, whole)
        for key, table in ours.items():
            if table.unique_id not in seen:
                continue
            found = seen[table.unique_id]
            if found is not None:
                add_row_counts(context, key, found, days)
            if said := shortcoming(table, found, days):
                short[key] = said
        with only_describes("what columns are made of"):
            _add_lineage(context, settings, opened, invocation, built)
    return short


def _add_lineage(
    context: dg.AssetExecutionContext,
    settings: DbtSettings,
    warehouse: Warehouse,
    invocation: DbtCliInvocation,
    built: Mapping[dg.AssetKey, ModelTable],
) -> None:
    compiled = invocation.target_path / "compiled"
    models = [table.unique_id for table in built.values()]
    lineages = lineage_metadata(settings, warehouse, invocation.manifest, models, compiled)
    version = manifest_hash(settings)
    for key, table in built.items():
        context.add_asset_metadata({"dbt_manifest": version}, asset_key=key)
        if lineage := lineages.get(table.unique_id):
            shown = dg.MetadataValue.md(lineage_table(lineage))
            context.add_asset_metadata(
                {"dagster/column_lineage": lineage, "columns_made_of": shown}, asset_key=key
            )
