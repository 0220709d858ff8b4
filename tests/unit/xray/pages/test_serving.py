"""The server of the pages."""

import gc
from collections.abc import Iterator

import pytest

from ml_platform.xray.pages.serving import keep_what_is_loaded


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_was_loaded_is_not_gone_through_for_garbage_again() -> None:
    before = gc.get_freeze_count()
    keep_what_is_loaded()
    assert gc.get_freeze_count() - before > 10_000
    # What comes from now on is: a page's own values go as before.
    assert len(gc.get_objects()) < 1000
