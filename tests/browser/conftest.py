"""One Dagster and one Chromium for all tests that look at pages."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import INSTALL, TIMEOUT_S, chromium, find_chromium
from tests.support.dagster_pages import Reader, listening
from tests.support.dagster_server import DagsterServer, dagster_server
from tests.support.homes import MainJob


@pytest.fixture(scope="session")
def executable() -> str:
    """Chromium, without which the tests here are skipped; CI does not let them be."""
    found = find_chromium()
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(INSTALL)
    if found is None:
        pytest.skip(INSTALL)
    return found


@pytest.fixture(scope="session")
def server(
    executable: str, main_job: MainJob, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagsterServer]:
    """Dagster on a copy of the home of the main job, since its daemon writes."""
    folder = tmp_path_factory.mktemp("dagster_ui")
    home = folder / "home"
    shutil.copytree(main_job.as_made, home)
    with dagster_server(home, folder / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def tab(executable: str) -> Iterator[Page]:
    """The one tab of the one browser."""
    expect.set_options(timeout=TIMEOUT_S * 1000)
    with chromium(executable) as context:
        yield context.new_page()


@pytest.fixture
def reader(server: DagsterServer, tab: Page) -> Iterator[Reader]:
    """Somebody who reads the pages; an error in the browser's console fails the test."""
    with listening(Reader(server=server, page=tab)) as reading:
        yield reading
    assert reading.errors == []
