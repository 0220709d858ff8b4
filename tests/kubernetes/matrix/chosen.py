"""Which cells a run takes, by `MLP_MATRIX`.

ci, nothing     all with a stand-in for Ray, and a diagonal with a real Ray
real            all with a real Ray: hours
"""

import os
from typing import Final

from tests.kubernetes.matrix.cell import CELLS, DIAGONAL, WITH_REAL_RAY, Cell

_REAL: Final = os.environ.get("MLP_MATRIX", "") == "real"


def of_one_training() -> list[Cell]:
    """With the stand-in: what befalls one training."""
    return [] if _REAL else [cell for cell in CELLS if not cell.fault.of_node]


def of_node() -> list[Cell]:
    """With the stand-in: what befalls the node."""
    return [] if _REAL else [cell for cell in CELLS if cell.fault.of_node]


def with_ray() -> tuple[Cell, ...]:
    """With a real Ray."""
    return WITH_REAL_RAY if _REAL else DIAGONAL
