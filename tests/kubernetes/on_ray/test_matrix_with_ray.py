"""Faults in phases of a real training on a real Ray; how many, `matrix/chosen.py` says."""

import pytest

from tests.kubernetes.matrix.cell import Cell, Outcome
from tests.kubernetes.matrix.chosen import with_ray

pytestmark = [pytest.mark.kubernetes, pytest.mark.two_cores]


@pytest.mark.parametrize("cell", with_ray(), ids=str)
def test_a_fault_in_a_phase(cell: Cell, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[str(cell)].wrong == []
