"""Every fault in every phase: trained once, nothing lost, nothing left, a cause that is named."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.kubernetes.light_clusters import STORAGE, LightClusters, light_clusters
from tests.kubernetes.matrix.case import new_case
from tests.kubernetes.matrix.cell import CELLS, Cell, Outcome, run
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.head import EPOCHS
from tests.support.gcs_double import in_this_process

pytestmark = pytest.mark.kubernetes

AT_ONCE = 5
RESULTS = "MLP_MATRIX_RESULTS"
TEST = "test_a_fault_in_a_phase"


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "matrix") as light, in_this_process(STORAGE):
        yield light


@pytest.fixture(scope="module")
def outcomes(
    light: LightClusters, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Outcome]:
    """Of all cells that were chosen; most of their time is waiting, so several go at once."""
    folder = tmp_path_factory.mktemp("matrix")
    names = {item.name for item in request.session.items}

    def outcome(cell: Cell) -> Outcome:
        with new_case(light, light.training(folder), light.config) as case:
            return run(cell, case)

    cells = [cell for cell in CELLS if f"{TEST}[{cell}]" in names]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(outcome, cells))
    if file := os.environ.get(RESULTS):
        Path(file).write_text(json.dumps([one.as_json() for one in found], indent=1))
    return {str(cell): one for cell, one in zip(cells, found, strict=True)}


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_in_a_phase(cell: Cell, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[str(cell)].wrong == []


def test_two_who_come_at_once_end_with_one_cluster_and_one_training(
    light: LightClusters, tmp_path: Path
) -> None:
    with new_case(light, light.training(tmp_path), light.config) as case:
        steps = [case.send(), case.send()]
        for step in steps:
            step.join(case.within_s)

        assert [step.exitcode for step in steps] == [0, 0]
        assert case.trained() == dict.fromkeys(range(EPOCHS), 1)
        case.wait_until(lambda: not case.objects())
