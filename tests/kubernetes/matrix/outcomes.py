"""Cells are run before the first of their tests asks: most of their time is waiting, so at once."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ml_platform.file_lock import file_lock
from tests.kubernetes.matrix.case import CasesTestbed, new_case
from tests.kubernetes.matrix.cell import Cell, Outcome, run

RESULTS: Final = "MLP_MATRIX_RESULTS"
"""Names the file to which a run adds its results."""


def outcomes_of(
    cells: Sequence[Cell], testbed: CasesTestbed, new_folder: Callable[[], Path]
) -> dict[str, Outcome]:
    """What came of each cell, by its name.

    Args:
        cells: Of one kind of Ray.
        testbed: Where they train.
        new_folder: Makes a folder that nobody else has.
    """

    def run_together(group: Sequence[Cell]) -> list[Outcome]:
        with ExitStack() as stack:
            cases = [
                stack.enter_context(new_case(testbed, cell.ray, new_folder())) for cell in group
            ]
            return run(group, cases)

    found: dict[str, Outcome] = {}
    for at_once, groups in _shifts(cells):
        with ThreadPoolExecutor(at_once) as pool:
            for group, outcomes in zip(groups, pool.map(run_together, groups), strict=True):
                found |= zip(map(str, group), outcomes, strict=True)
    _note([found[str(cell)] for cell in cells])
    return found


def _shifts(cells: Sequence[Cell]) -> Iterator[tuple[int, list[list[Cell]]]]:
    """How many groups go at once, and the groups: cells that share a fault of the node, or one."""
    alone = [cell for cell in cells if not cell.fault.of_node]
    of_node = [cell for cell in cells if cell.fault.of_node]
    if alone:
        yield alone[0].ray.at_once, [[cell] for cell in alone]
    if of_node:
        by_fault: dict[str, list[Cell]] = {}
        for cell in of_node:
            by_fault.setdefault(cell.fault.name, []).append(cell)
        most = of_node[0].ray.together
        yield (
            1,
            [
                cells[first : first + most]
                for cells in by_fault.values()
                for first in range(0, len(cells), most)
            ],
        )


def _note(outcomes: Sequence[Outcome]) -> None:
    """Add them to the file of the run, to which others may be adding."""
    if not (name := os.environ.get(RESULTS)):
        return
    file = Path(name)
    with file_lock(file.with_suffix(".lock")):
        before = json.loads(file.read_text()) if file.exists() else []
        file.write_text(json.dumps([*before, *(one.as_json() for one in outcomes)], indent=1))
