"""Faults in phases of a real training on a real Ray: a diagonal, or with `MLP_MATRIX=real` all."""

import os

import pytest

from tests.kubernetes.matrix.cell import DIAGONAL, WITH_REAL_RAY, Cell, Outcome

pytestmark = pytest.mark.kubernetes

CELLS = WITH_REAL_RAY if os.environ.get("MLP_MATRIX") == "real" else DIAGONAL


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_in_a_phase(cell: Cell, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[str(cell)].wrong == []
