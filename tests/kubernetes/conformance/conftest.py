"""The runner: all selected scenarios run at once, each test looks at one of them.

What was run a second time is said at the end of the report.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.conformance import rays
from tests.kubernetes.conformance.manifests import Manifests
from tests.kubernetes.conformance.runner import RUN_AGAIN, Runner
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.kuberay import KubeRay
from tests.support.kuberay.api import Api

TIMELINES = "MLP_CONFORMANCE_TIMELINES"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each scenario that needed a second try."""
    for report in terminalreporter.getreports("passed"):
        for key, value in report.user_properties:
            if key == RUN_AGAIN:
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def runner(
    cluster: Cluster,
    kuberay: KubeRay,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runner]:
    """All that the session has selected, begun; `MLP_CONFORMANCE_TIMELINES` keeps what was seen."""
    names = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "runner" in item.fixturenames
    ]
    timelines = Path(os.environ.get(TIMELINES) or tmp_path_factory.mktemp("timelines"))
    timelines.mkdir(parents=True, exist_ok=True)
    api = Api.connect(cluster.kubeconfig)
    it = Runner(api, Manifests(cluster.image, rays.chosen()), timelines)
    it.start(names)
    yield it
    it.stop()
