"""A cluster for the tests here: the testbed's node, or what `KUBECONFIG` has (`KUBERAY=cluster`).

A node that `make kubernetes-up` has brought up is used and left up; otherwise one is brought up for
the session, and taken down at its end by the process that pytest was started as. Two processes may
run tests on it at once; those that are marked `whole_node` have it for themselves, and where there
are two cores those marked `two_cores` too. On a machine that cannot run a node the tests are
skipped with one line; in CI, which must run them, they fail.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.kubernetes.light_clusters import STORAGE, light_clusters
from tests.kubernetes.matrix.case import Case, CasesTestbed, new_case
from tests.kubernetes.matrix.cell import Cell, Outcome
from tests.kubernetes.matrix.outcomes import outcomes_of
from tests.kubernetes.matrix.rays import STAND_IN
from tests.kubernetes.obstacles import insist_on
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed import layout, programs
from tests.kubernetes.testbed.cluster import Cluster, external
from tests.kubernetes.testbed.node import Node, down, running, up
from tests.kubernetes.testbed.turns import Turn
from tests.support.gcs_double import in_this_process

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_FIRST: Final = "gw0"  # as pytest-xdist calls it
_NODE: Final = "node_of_this_session"
_BROUGHT_UP: Final = pytest.StashKey[bool]()
# The conformance suite needs little of the processor, which CI gives to other tests meanwhile.
_LONG: Final = ("test_conformance.py", "on_ray", "test_main_job.py", "test_matrix.py")
_FEW_CORES: Final = (os.cpu_count() or 1) <= 2
_TURN: Final = Turn()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of `up` and `down` go first, while the session has no node yet.

    Then what runs beside other tests, and in each part first what takes long.
    """

    def place(item: pytest.Item) -> tuple[bool, bool, int]:
        named = (item.path.parent.name, item.path.name)
        return (
            "bare_machine" not in getattr(item, "fixturenames", ()),
            _alone(item),
            next((n for n, long in enumerate(_LONG) if long in named), len(_LONG)),
        )

    items.sort(key=place)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """The first process has its turn before the others hear that there are tests to run."""
    worker = getattr(session.config, "workerinput", {"workerid": _FIRST})["workerid"]
    first = next(iter(session.items), None)
    if session.config.option.collectonly or worker != _FIRST or first is None:
        return
    if "bare_machine" in getattr(first, "fixturenames", ()):
        _TURN.begin(first.path.name, alone=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The node that was brought up for this session is taken down by its first process."""
    _TURN.end()
    brought_up = session.config.stash.get(_BROUGHT_UP, False)
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_NODE] = brought_up
    elif brought_up:
        down()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of this session has ended, which may have brought the node up."""
    if getattr(node, "workeroutput", {}).get(_NODE):
        node.config.stash[_BROUGHT_UP] = True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What cannot run here is skipped from one place, so that pytest says it in one line."""
    if item.get_closest_marker("kubernetes") and operator.chosen() != operator.CLUSTER:
        insist_on(programs.missing())
        _TURN.begin(item.path.name, alone=_alone(item))


def _alone(item: pytest.Item) -> bool:
    """Whether nothing may run beside this test."""
    markers = ("whole_node", "two_cores") if _FEW_CORES else ("whole_node",)
    return any(item.get_closest_marker(name) for name in markers)


@pytest.fixture(scope="session")
def node(cluster: Cluster) -> Node:
    """The testbed's node, for tests that stop its components or look behind its API."""
    it = running()
    if it is None or operator.chosen() == operator.CLUSTER:
        pytest.skip("the cluster is not the testbed's: nothing of it can be stopped or looked into")
    return it


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Cluster:
    """A cluster that is up, as its administrator."""
    if operator.chosen() == operator.CLUSTER:
        return external()
    before = running()
    if before is not None and before.checkout != layout.CHECKOUT:
        pytest.fail(
            f"the node that is up has the checkout {before.checkout} in its pods, not "
            f"{layout.CHECKOUT}; run `make kubernetes-down`, then this again",
            pytrace=False,
        )
    if before is None:
        pytestconfig.stash[_BROUGHT_UP] = True
    return up().cluster


@pytest.fixture(scope="session")
def kuberay(cluster: Cluster) -> operator.KubeRay:
    """KubeRay's definitions and an operator that is ready."""
    return operator.install(cluster, operator.chosen())


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace, in which pods can be made at once."""
    with cluster.namespace(request.node.originalname.removeprefix("test_")) as name:
        yield name


@pytest.fixture
def api_client(cluster: Cluster) -> Iterator["ApiClient"]:
    """A client of the API as administrator."""
    with cluster.client() as client:
        yield client


@pytest.fixture(scope="module")
def cases(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[CasesTestbed]:
    """Where cases of the matrix train."""
    with light_clusters(cluster, "cases") as light, in_this_process(STORAGE):
        yield CasesTestbed(light=light, node=node, kuberay=kuberay)


@pytest.fixture
def case(cases: CasesTestbed, tmp_path: Path) -> Iterator[Case]:
    """A training of its own, on a stand-in for Ray."""
    with new_case(cases, STAND_IN, tmp_path) as case:
        yield case


@pytest.fixture(scope="module")
def outcomes(
    cases: CasesTestbed, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Outcome]:
    """What came of each cell of the matrix that a test of this file asks for."""
    ours = [item for item in request.session.items if item.path == request.path]
    asked = [one.callspec.params["cell"] for one in ours if isinstance(one, pytest.Function)]
    return outcomes_of(
        [one for one in asked if isinstance(one, Cell)],
        cases,
        lambda: tmp_path_factory.mktemp("matrix"),
    )


@pytest.fixture
def bare_machine() -> None:
    """No node is up: the test may bring one up and take it down."""
    if operator.chosen() == operator.CLUSTER:
        pytest.skip(f"{operator.VARIABLE}={operator.CLUSTER}: no testbed is started")
    if running() is not None:
        insist_on("a node is up, which this test would take down: `make kubernetes-down` first")
