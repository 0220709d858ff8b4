"""Fixtures of the tests of the operator's double."""

from collections.abc import Iterator

import pytest

from tests.unit.kuberay.api_server import ApiServer, api_server


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """An API server that was written nothing to."""
    with api_server() as it:
        yield it
