"""The code location: everything under `defs/`, found by itself, and the resources."""

from pathlib import Path

import dagster as dg

from ml_platform.errors import cause_of
from ml_platform.resources import resources_from
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs and schedules, with the resources as the settings say."""
    resources = resources_from(load_settings()).by_key()
    try:
        found = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    except Exception as error:  # boundary: Dagster hides dbt's words behind a tree of components
        own = cause_of(error)
        if own is None:
            raise
        raise own from None
    return dg.Definitions.merge(found, dg.Definitions(resources=resources))
