"""The code location: everything under `defs/`, found by itself."""

from pathlib import Path

import dagster as dg

from ml_platform.errors import cause_of


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs and schedules."""
    try:
        return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    except Exception as error:  # boundary: Dagster hides dbt's words behind a tree of components
        own = cause_of(error)
        if own is None:
            raise
        raise own from None
