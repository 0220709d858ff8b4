"""Faults in phases of a training: trained once, nothing lost, nothing left, a cause that is named.

What befalls the step in every phase, and what can never start, with a stand-in for Ray, and two
faults with Ray and a real training. `make kubernetes-matrix` runs every fault: `MLP_MATRIX=real`,
or `stand-in`, which adds a diagonal with Ray.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.spec import HeadGroup
from tests.kubernetes.faults.pods import delete_pod, kill_container
from tests.kubernetes.light_clusters import STORAGE, light_clusters
from tests.kubernetes.matrix.case import Case, CasesTestbed, new_case
from tests.kubernetes.matrix.cell import (
    CELLS,
    DIAGONAL,
    FEW_WITH_REAL_RAY,
    WITH_REAL_RAY,
    Cell,
    Outcome,
    run,
)
from tests.kubernetes.matrix.faults import to_pods
from tests.kubernetes.matrix.rays import REAL, STAND_IN
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.head import EPOCHS
from tests.support.gcs_double import in_this_process

pytestmark = pytest.mark.kubernetes

RESULTS = "MLP_MATRIX_RESULTS"
CHOICES = {
    "": (*(one for one in CELLS if one.fault.of_step or one.fault.hopeless), *FEW_WITH_REAL_RAY),
    "stand-in": (*CELLS, *DIAGONAL),
    "real": WITH_REAL_RAY,
}
CHOSEN = CHOICES[os.environ.get("MLP_MATRIX", "")]
TEST = "test_a_fault_in_a_phase"


@pytest.fixture(scope="module")
def testbed(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[CasesTestbed]:
    with light_clusters(cluster, "matrix") as light, in_this_process(STORAGE):
        yield CasesTestbed(light=light, node=node, kuberay=kuberay)


@pytest.fixture
def case(testbed: CasesTestbed, tmp_path: Path) -> Iterator[Case]:
    with new_case(testbed, STAND_IN, tmp_path) as case:
        yield case


@pytest.fixture(scope="module")
def outcomes(
    testbed: CasesTestbed, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Outcome]:
    """Of all cells that were chosen; most of their time is waiting, so several go at once."""
    names = {item.name for item in request.session.items}

    def outcomes_of(cells: Sequence[Cell]) -> list[Outcome]:
        with ExitStack() as stack:
            folders = [tmp_path_factory.mktemp("matrix") for _ in cells]
            cases = [
                stack.enter_context(new_case(testbed, cell.ray, folder))
                for cell, folder in zip(cells, folders, strict=True)
            ]
            return run(cells, cases)

    cells = [cell for cell in CHOSEN if f"{TEST}[{cell}]" in names]
    found: dict[str, Outcome] = {}
    for at_once, groups in _shifts(cells):
        with ThreadPoolExecutor(at_once) as pool:
            for group, outcomes in zip(groups, pool.map(outcomes_of, groups), strict=True):
                found |= zip(map(str, group), outcomes, strict=True)
    if file := os.environ.get(RESULTS):
        told = [found[str(cell)].as_json() for cell in cells]
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(told, indent=1))
    return found


def _shifts(cells: Sequence[Cell]) -> Iterator[tuple[int, list[list[Cell]]]]:
    """How many groups go at once, and the groups: cells that share a fault of the node, or one.

    A fault of the node has nothing beside it. There is no room for more than one real Ray.
    """
    light = [cell for cell in cells if cell.ray is STAND_IN]
    of_node = [cell for cell in light if cell.fault.of_node]
    faults = dict.fromkeys(cell.fault for cell in of_node)
    yield STAND_IN.at_once, [[cell] for cell in light if not cell.fault.of_node]
    yield 1, [[cell for cell in of_node if cell.fault is fault] for fault in faults]
    yield REAL.at_once, [[cell] for cell in cells if cell.ray is REAL]


def of_another_spec(case: Case) -> None:
    """Make a cluster under the name of the first attempt, of another size."""
    larger = case.request.cluster.model_copy(update={"head": HeadGroup(memory="320Mi")})
    create(case, ray_job(case.name(1), larger, case.config))


def that_has_failed(case: Case) -> None:
    """Make a cluster under the name of the first attempt, to which nobody submits in time."""
    manifest = ray_job(case.name(1), case.request.cluster, case.config)
    manifest["spec"]["preRunningDeadlineSeconds"] = 1
    create(case, manifest)
    case.wait_until(
        lambda: (
            [one["status"]["jobDeploymentStatus"] for one in case.objects("rayjobs")] == ["Failed"]
        )
    )


def create(case: Case, manifest: dict[str, Any]) -> None:
    case.light.cluster.kubectl("create", "--filename=-", stdin=json.dumps(manifest))
    case.wait_until(lambda: all("status" in one for one in case.objects("rayjobs")))


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


@pytest.mark.parametrize("make", [of_another_spec, that_has_failed])
def test_a_cluster_that_cannot_be_used_is_replaced(
    case: Case, make: Callable[[Case], None]
) -> None:
    make(case)
    before = {one["metadata"]["uid"] for one in case.objects("rayjobs")}
    case.marks.create("hold", b"")

    step = case.send()
    case.wait_until(lambda: len(case.trained()) == EPOCHS - 1)
    now = {one["metadata"]["uid"] for one in case.objects("rayjobs")}
    case.marks.remove("hold")
    step.join(case.within_s)

    assert step.exitcode == 0
    assert not now & before
    assert case.trained() == dict.fromkeys(range(EPOCHS), 1)
    assert [one.number for one in case.record.attempts()] == [1]


@pytest.mark.parametrize(
    "lose", [to_pods("head", delete_pod), to_pods("head", kill_container)], ids=["pod", "container"]
)
def test_a_lost_head_is_followed_by_an_attempt_on_a_new_cluster_from_the_checkpoint(
    case: Case, lose: Callable[[Case], Any]
) -> None:
    case.marks.create("hold", b"")
    step = case.send()
    case.wait_until(lambda: len(case.trained()) == EPOCHS - 1)
    with lose(case):
        case.wait_until(case.record.attempt(1).has_ended)
    case.marks.remove("hold")
    step.join(case.within_s)

    first = case.record.attempt(1).ended()
    assert step.exitcode == 0
    assert first is not None
    assert first.failure is not None
    assert first.failure.cause.value == "head_lost"
    trained = [*(f"1-{epoch}" for epoch in range(EPOCHS - 1)), f"2-{EPOCHS - 1}"]
    assert case.marks.names("trained") == trained
    case.wait_until(lambda: not case.objects())
