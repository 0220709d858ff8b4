"""dbt's models: views over the raw tables, and the daily feature tables."""

import dagster as dg

from ml_platform.features.assets import build_feature_assets, build_staging_assets
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """One asset per model of the dbt project, one check per test."""
    settings = load_settings()
    return dg.Definitions(assets=[build_staging_assets(settings), build_feature_assets(settings)])
