"""The raw tables of the example, loaded once from the package that carries them."""

import dagster as dg

from ml_platform.features.project import load_project
from ml_platform.features.raw_assets import build_raw_assets, example_tables
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """Those of `raw/flights` and the other tables of the example that the dbt project reads."""
    tables = example_tables(load_project(load_settings()))
    return dg.Definitions(assets=[build_raw_assets(tables)] if tables else [])
