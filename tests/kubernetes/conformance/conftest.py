"""The theatre: all selected situations are played at once, each test looks at one of them.

What was played a second time is said at the end of the report.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.conformance import rays
from tests.kubernetes.conformance.manifests import Manifests
from tests.kubernetes.conformance.theatre import PLAYED_AGAIN, Theatre
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.kuberay import KubeRay
from tests.support.kuberay.api import Api

FILMS = "MLP_CONFORMANCE_FILMS"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each situation that needed a second try."""
    for report in terminalreporter.getreports("passed"):
        for key, value in report.user_properties:
            if key == PLAYED_AGAIN:
                terminalreporter.write_line(str(value))


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
