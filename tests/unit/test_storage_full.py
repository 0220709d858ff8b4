"""A folder whose disk is full: which one, and what to do."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml_platform.errors import StorageError
from ml_platform.storage import Folder


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond; the system refuses as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_named_with_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path.as_uri())
    with room_for(1_000), pytest.raises(StorageError) as caught:
        folder.write("big", b"x" * 100_000)
    assert str(tmp_path) in caught.value.message
    assert "MLP_STORAGE_URI" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_where_a_file_is_made_only_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path.as_uri())
    with room_for(1_000), pytest.raises(StorageError, match="could not write"):
        folder.create("big", b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []
