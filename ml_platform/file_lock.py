"""One lock between the processes of a machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Alone among all who lock this file, threads too; the holder's death lets go.

    Not to be taken twice by one holder, who would wait for itself.

    Args:
        path: A file in an existing folder. It stays: to remove it could let two in.
    """
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
