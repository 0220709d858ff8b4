"""The dbt project as Dagster's assets: each model, seed and snapshot, with its tests as checks.

All of them are one definition, so that whatever is selected is one run of dbt. A table with an
event day has the daily partition; a range of days is one statement for each model.
"""

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg

from ml_platform.features.build import run_dbt
from ml_platform.features.nodes import Node, Project
from ml_platform.features.project import DbtAccess, load_project
from ml_platform.features.schema_change import FeatureBuildConfig, require_whole
from ml_platform.features.specs import asset_key, built_specs, check_specs
from ml_platform.features.windows import window_arguments
from ml_platform.partitions import require_days
from ml_platform.settings import Settings
from ml_platform.stages import FEATURES
from ml_platform.warehouse.interface import WarehouseAccess

POOL: Final = "warehouse"


def build_dbt_assets(project: Project, settings: Settings) -> dg.AssetsDefinition:
    """All that dbt makes; a backfill of many days is one run."""

    @dg.multi_asset(
        name=FEATURES,
        specs=built_specs(project, settings),
        check_specs=check_specs(project),
        can_subset=True,
        # Tests of sources are checks of what others make.
        allow_arbitrary_check_specs=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def features(
        context: dg.AssetExecutionContext,
        config: FeatureBuildConfig,
        dbt: dg.ResourceParam[DbtAccess],
        warehouse: dg.ResourceParam[WarehouseAccess],
    ) -> Iterator[Any]:
        daily = _daily_nodes(context, load_project(dbt.on(warehouse)))
        days = list(context.partition_keys) if daily else []
        flags = config.flags()
        if days:
            require_days(days, settings, what="building features")
            flags += window_arguments(days)
        if config.full_refresh:
            with warehouse.open() as opened:
                require_whole(opened, daily, days)
        variables = config.variables()
        yield from run_dbt(context, dbt, warehouse, flags, days=days, variables=variables)

    return features


def _daily_nodes(context: dg.AssetExecutionContext, project: Project) -> list[Node]:
    """The selected tables that have partitions, as the code location knows them."""
    specs = context.assets_def.specs_by_key
    daily = {key for key in context.selected_asset_keys if specs[key].partitions_def is not None}
    return [node for node in project.built if asset_key(node) in daily]
