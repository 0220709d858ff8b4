"""The raw tables of the example, loaded once from the package that carries them."""

import dagster as dg

from ml_platform.features.raw_assets import build_raw_assets


@dg.definitions
def defs() -> dg.Definitions:
    """The assets `raw/flights`, `raw/weather`, `raw/planes`, `raw/airports` and `raw/airlines`."""
    return dg.Definitions(assets=[build_raw_assets()])
