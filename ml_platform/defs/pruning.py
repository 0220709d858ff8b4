"""The nightly job that keeps X-Ray's store small."""

import dagster as dg

from ml_platform.pruning import build_pruning
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """One job and its schedule."""
    return build_pruning(load_settings())
