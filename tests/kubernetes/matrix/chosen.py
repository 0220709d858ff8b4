"""Which cells a run takes: all with the stand-in, and with a real Ray a diagonal of them.

`MLP_MATRIX=real` takes all of them with a real Ray instead, which needs hours.
"""

import os
from collections.abc import Sequence
from typing import Final

from tests.kubernetes.matrix.cell import CELLS, DIAGONAL, WITH_REAL_RAY, Cell

VARIABLE: Final = "MLP_MATRIX"
_ALL_REAL: Final = os.environ.get(VARIABLE) == "real"


def of_one_training() -> list[Cell]:
    """With the stand-in: what befalls one training."""
    return [cell for cell in _with_the_stand_in() if not cell.fault.of_node]


def of_node() -> list[Cell]:
    """With the stand-in: what befalls the node."""
    return [cell for cell in _with_the_stand_in() if cell.fault.of_node]


def with_ray() -> Sequence[Cell]:
    """With a real Ray."""
    return WITH_REAL_RAY if _ALL_REAL else DIAGONAL


def _with_the_stand_in() -> Sequence[Cell]:
    return () if _ALL_REAL else CELLS
