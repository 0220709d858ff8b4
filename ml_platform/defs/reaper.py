"""The sensor that removes clusters which nobody needs."""

import dagster as dg

from ml_platform.reaping import build_reaper
from ml_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """One sensor, where there are clusters on Kubernetes."""
    return build_reaper(load_settings())
