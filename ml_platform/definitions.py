"""The code location: everything under `defs/`, found by itself, and the resources."""

from pathlib import Path

import dagster as dg

from ml_platform.resources import resources_from
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs and schedules, with the resources as the settings say."""
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(resources=resources_from(load_settings()).by_key()),
    )
