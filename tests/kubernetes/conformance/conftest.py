"""The theatre: all selected situations are played at once, each test looks at one of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.conformance import rays
from tests.kubernetes.conformance.manifests import Manifests
from tests.kubernetes.conformance.theatre import Theatre
from tests.kubernetes.kuberay import KubeRay
from tests.support.kuberay.api import Api

FILMS = "MLP_CONFORMANCE_FILMS"


@pytest.fixture(scope="session")
def theatre(
    cluster: Cluster,
    kuberay: KubeRay,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Theatre]:
    """All that the session has selected, begun; `MLP_CONFORMANCE_FILMS` keeps what was seen."""
    names = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "theatre" in item.fixturenames
    ]
    films = Path(os.environ.get(FILMS) or tmp_path_factory.mktemp("films"))
    films.mkdir(parents=True, exist_ok=True)
    api = Api.connect(cluster.kubeconfig)
    it = Theatre(api, Manifests(cluster.image, rays.chosen()), films)
    it.open(names)
    yield it
    it.close()
