"""A fault in the middle of which a test breaks off, to see that it is gone all the same."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

_T = TypeVar("_T")


class _BrokenOff(Exception):
    """Leaves the fault, in place of what a test's body would raise."""


@contextlib.contextmanager
def broken_off(fault: AbstractContextManager[_T]) -> Iterator[_T]:
    """The fault, which the end of the block leaves by an exception that nobody else sees."""
    with contextlib.suppress(_BrokenOff), fault as it:
        yield it
        raise _BrokenOff
