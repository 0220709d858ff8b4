"""Which cells a run takes, by `MLP_MATRIX`.

nothing     what CI has time for: faults of the step in each phase, hopeless starts, each other
            fault of one training once, and two with a real Ray
whole       all with the stand-in, and a diagonal with a real Ray
real        all with a real Ray
"""

import os
from typing import Final

from tests.kubernetes.matrix.cell import CELLS, DIAGONAL, WITH_REAL_RAY, Cell

VARIABLE: Final = "MLP_MATRIX"
_WHICH: Final = os.environ.get(VARIABLE, "")


def of_one_training() -> list[Cell]:
    """With the stand-in: what befalls one training."""
    cells = [cell for cell in CELLS if not cell.fault.of_node]
    match _WHICH:
        case "whole":
            return cells
        case "real":
            return []
    return [cell for cell in cells if cell.fault.of_step or cell.fault.hopeless]


def of_node() -> list[Cell]:
    """With the stand-in: what befalls the node."""
    return [cell for cell in CELLS if cell.fault.of_node] if _WHICH == "whole" else []


def with_ray() -> tuple[Cell, ...]:
    """With a real Ray: a step that is killed while its job runs, and a lost head, at least."""
    match _WHICH:
        case "whole":
            return DIAGONAL
        case "real":
            return WITH_REAL_RAY
    return tuple(cell for cell in DIAGONAL if cell.phase.runs)[:2]
