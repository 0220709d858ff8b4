"""Fixtures for tests on the emulator; a test module names this file in its `pytest_plugins`."""

from collections.abc import Iterator

import pytest

from tests.support.bigquery_emulator.launcher import (
    Emulator,
    NoSuitablePythonError,
    running_emulator,
)


@pytest.fixture(scope="session")
def bigquery_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One emulator for all tests: they keep apart by dataset."""
    try:
        with running_emulator(tmp_path_factory.mktemp("bigquery") / "data") as emulator:
            yield emulator
    except NoSuitablePythonError as reason:
        pytest.skip(str(reason))
