"""Faults that befall a node, and with it trainings in all phases at once, on a stand-in for Ray."""

import pytest

from tests.kubernetes.matrix.cell import CELLS as ALL
from tests.kubernetes.matrix.cell import Cell, Outcome

pytestmark = [pytest.mark.kubernetes, pytest.mark.whole_node]

CELLS = [cell for cell in ALL if cell.fault.of_node]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_in_a_phase(cell: Cell, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[str(cell)].wrong == []
