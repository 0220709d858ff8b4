"""Faults in phases of a training: trained once, nothing lost, nothing left, a cause that is named.

What befalls one training, with a stand-in for Ray. `test_matrix_of_node` has what befalls the node,
`on_ray/test_matrix_with_ray` faults with Ray and a real training.
"""

import pytest

from tests.kubernetes.matrix.cell import Cell, Outcome
from tests.kubernetes.matrix.chosen import of_one_training

pytestmark = pytest.mark.kubernetes


@pytest.mark.parametrize("cell", of_one_training(), ids=str)
def test_a_fault_in_a_phase(cell: Cell, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[str(cell)].wrong == []
