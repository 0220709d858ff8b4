"""The code location: everything under `defs/`, found by itself, and the resources."""

import warnings
from pathlib import Path

import dagster as dg

from ml_platform.collecting import nothing_to_collect
from ml_platform.errors import cause_of
from ml_platform.resources import resources_from
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs and schedules, with the resources as the settings say."""
    with nothing_to_collect():
        return _load()


def _load() -> dg.Definitions:
    resources = resources_from(load_settings()).by_key()
    # `load_from_defs_folder` is this and the schemas of all component types that are installed,
    # for which it imports dagster-dbt and with it dbt: 1.3 s of a CPU and 45 MB in every process.
    tree = dg.ComponentTree.for_project(Path(__file__).parent)
    try:
        with warnings.catch_warnings():
            # Dagster's own function is silent on what it calls a preview, too.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            warnings.simplefilter("ignore", dg.BetaWarning)
            found = tree.build_defs(tree.defs_module_path)
    except Exception as error:  # boundary: Dagster hides dbt's words behind a tree of components
        own = cause_of(error)
        if own is None:
            raise
        raise own from None
    return dg.Definitions.merge(found, dg.Definitions(resources=resources, component_tree=tree))
