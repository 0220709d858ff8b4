"""How long the code location takes to load, against importing Dagster and its dbt integration."""

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

BASELINE: Final = "import dagster, dagster_dbt"
LOAD: Final = "from ml_platform.definitions import defs; defs().resolve_all_asset_specs()"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadTime:
    """Medians in seconds, each of a fresh process."""

    definitions_s: float
    imports_s: float

    @property
    def ratio(self) -> float:
        """Loading over importing alone."""
        return self.definitions_s / self.imports_s


def measure_loading(repeats: int) -> LoadTime:
    """Load the definitions and import Dagster by turns; dbt's project is parsed already."""
    _seconds(LOAD)  # parses the dbt project where nobody has
    turns = [(_seconds(LOAD), _seconds(BASELINE)) for _ in range(repeats)]
    loads, imports = zip(*turns, strict=True)
    return LoadTime(definitions_s=statistics.median(loads), imports_s=statistics.median(imports))


def _seconds(code: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
