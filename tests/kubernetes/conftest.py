"""A cluster for the tests here: the testbed's node, or what `KUBECONFIG` has (`KUBERAY=cluster`).

A node that `make kubernetes-up` has brought up is used and left up; otherwise one is brought up for
the session. On a machine that cannot run a node the tests are skipped with one line; in CI, which
must run them, they fail.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from tests.kubernetes import ray_clusters
from tests.kubernetes.ray_clusters import RayCluster
from tests.kubernetes.testbed import image, layout, programs
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster, external
from tests.kubernetes.testbed.node import Node, down, running, up

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_REQUIRED: Final = "MLP_REQUIRE_KUBERNETES"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of `up` and `down` go first, while the session has no node yet."""
    items.sort(key=lambda item: "bare_machine" not in getattr(item, "fixturenames", ()))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What cannot run here is skipped from one place, so that pytest says it in one line."""
    if item.get_closest_marker("kubernetes") and operator.chosen() != operator.CLUSTER:
        _insist_on(programs.missing())


@pytest.fixture(scope="session")
def node(cluster: Cluster) -> Node:
    """The testbed's node, for tests that stop its components or look behind its API."""
    it = running()
    if it is None or operator.chosen() == operator.CLUSTER:
        pytest.skip("the cluster is not the testbed's: nothing of it can be stopped or looked into")
    return it


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster that is up, as its administrator."""
    if operator.chosen() == operator.CLUSTER:
        yield external()
        return
    before = running()
    if before is not None and before.checkout != layout.CHECKOUT:
        pytest.fail(
            f"the node that is up has the checkout {before.checkout} in its pods, not "
            f"{layout.CHECKOUT}; run `make kubernetes-down`, then this again",
            pytrace=False,
        )
    try:
        yield up().cluster
    finally:
        if before is None:
            down()


@pytest.fixture(scope="session")
def kuberay(cluster: Cluster) -> operator.KubeRay:
    """KubeRay's definitions and an operator that is ready."""
    return operator.install(cluster, operator.chosen())


@pytest.fixture(scope="session")
def shared_ray_cluster(
    node: Node, cluster: Cluster, kuberay: operator.KubeRay
) -> Iterator[RayCluster]:
    """A RayCluster with a real Ray: a head and two workers, with token authentication."""
    _insist_on(image.why_no_ray(Path(sys.prefix)))
    with cluster.namespace("shared-ray") as namespace:
        spec = ray_clusters.spec(cluster, workers=2, with_token=True)
        yield ray_clusters.create(cluster, namespace, "shared", spec)


@pytest.fixture
def ray_cluster(shared_ray_cluster: RayCluster) -> RayCluster:
    """The session's RayCluster, ready, whatever an earlier test has done to it."""
    shared_ray_cluster.wait_until_ready()
    return shared_ray_cluster


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


@pytest.fixture
def bare_machine() -> None:
    """No node is up: the test may bring one up and take it down."""
    if operator.chosen() == operator.CLUSTER:
        pytest.skip(f"{operator.VARIABLE}={operator.CLUSTER}: no testbed is started")
    if running() is not None:
        _insist_on("a node is up, which this test would take down: `make kubernetes-down` first")


def _insist_on(obstacle: str | None) -> None:
    if obstacle is None:
        return
    if os.environ.get("CI") == "true" or os.environ.get(_REQUIRED):
        _fail(obstacle)
    pytest.skip(obstacle)


def _fail(reason: str) -> NoReturn:
    pytest.fail(f"{reason} (CI and {_REQUIRED} do not let these tests be skipped)", pytrace=False)
