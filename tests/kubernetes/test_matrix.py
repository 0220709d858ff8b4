"""Faults in phases of a training: trained once, nothing lost, nothing left, a cause that is named.

`make kubernetes-matrix` runs every fault; without `MLP_MATRIX=all` only those of the step are.
"""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.faults.pods import delete_pod, kill_container
from tests.kubernetes.light_clusters import STORAGE, LightClusters, light_clusters
from tests.kubernetes.matrix.case import Case, new_case
from tests.kubernetes.matrix.cell import CELLS, Cell, Outcome, run
from tests.kubernetes.matrix.faults import to_pods
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.head import EPOCHS
from tests.support.gcs_double import in_this_process

pytestmark = pytest.mark.kubernetes

AT_ONCE = 3
RESULTS = "MLP_MATRIX_RESULTS"
EVERY = os.environ.get("MLP_MATRIX") == "all"
CHOSEN = [cell for cell in CELLS if EVERY or cell.fault.of_step]
TEST = "test_a_fault_in_a_phase"


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "matrix") as light, in_this_process(STORAGE):
        yield light


@pytest.fixture
def case(light: LightClusters, tmp_path: Path) -> Iterator[Case]:
    with new_case(light, light.training(tmp_path), light.config) as case:
        yield case


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

    cells = [cell for cell in CHOSEN if f"{TEST}[{cell}]" in names]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(outcome, cells))
    if file := os.environ.get(RESULTS):
        Path(file).write_text(json.dumps([one.as_json() for one in found], indent=1))
    return {str(cell): one for cell, one in zip(cells, found, strict=True)}


@pytest.mark.parametrize("cell", CHOSEN, ids=str)
def test_a_fault_in_a_phase(cell: Cell, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[str(cell)].wrong == []


def test_two_who_come_at_once_end_with_one_cluster_and_one_training(case: Case) -> None:
    steps = [case.send(), case.send()]
    for step in steps:
        step.join(case.within_s)

    assert [step.exitcode for step in steps] == [0, 0]
    assert case.trained() == dict.fromkeys(range(EPOCHS), 1)
    case.wait_until(lambda: not case.objects())


@pytest.mark.parametrize(
    "lose", [to_pods("head", delete_pod), to_pods("head", kill_container)], ids=["pod", "container"]
)
def test_a_lost_head_is_followed_by_an_attempt_on_a_new_cluster_from_the_checkpoint(
    case: Case, lose: Callable[[Case], Any]
) -> None:
    case.folder.create("hold", b"")
    step = case.send()
    case.wait_until(lambda: len(case.trained()) == EPOCHS - 1)
    with lose(case):
        case.wait_until(case.record.attempt(1).has_ended)
    case.folder.remove("hold")
    step.join(case.within_s)

    first = case.record.attempt(1).ended()
    assert step.exitcode == 0
    assert first is not None
    assert first.failure is not None
    assert first.failure.cause.value == "head_lost"
    trained = [*(f"1-{epoch}" for epoch in range(EPOCHS - 1)), f"2-{EPOCHS - 1}"]
    assert case.folder.names("trained") == trained
    case.wait_until(lambda: not case.objects())
