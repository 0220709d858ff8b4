"""The dbt project: its models, seeds and snapshots, the tables that it reads, and their checks."""

import dagster as dg

from ml_platform.features.assets import build_dbt_assets
from ml_platform.features.project import load_project
from ml_platform.features.raw_assets import raw_keys
from ml_platform.features.specs import freshness_checks, source_specs
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """One asset per node of the dbt project, one check per test."""
    settings = load_settings()
    project = load_project(settings)
    return dg.Definitions(
        assets=[
            build_dbt_assets(project, settings),
            *source_specs(project, made=raw_keys(project)),
        ],
        asset_checks=list(freshness_checks(project)),
    )
