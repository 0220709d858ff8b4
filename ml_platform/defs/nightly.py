"""The nightly job over the features and training sets of all models."""

import dagster as dg

from ml_platform.nightly import build_data_nightly
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """One job and its schedule."""
    return build_data_nightly(load_settings())
