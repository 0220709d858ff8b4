"""Faults that befall a node, and with it trainings in all phases at once, on a stand-in for Ray."""

import pytest

from tests.kubernetes.matrix.cell import Cell, Outcome
from tests.kubernetes.matrix.chosen import of_node

pytestmark = [pytest.mark.kubernetes, pytest.mark.whole_node]


@pytest.mark.parametrize("cell", of_node(), ids=str)
def test_a_fault_in_a_phase(cell: Cell, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[str(cell)].wrong == []
