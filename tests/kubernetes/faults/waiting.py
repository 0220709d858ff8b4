"""Waiting with a deadline, for what a fault has caused or what must work again after it."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from tests.kubernetes.testbed.errors import KubernetesTestError

_POLL_S: Final = 0.1
_T = TypeVar("_T")


class FaultError(KubernetesTestError):
    """A fault could not be made or undone."""


def until(
    what: str, seen: Callable[[], _T | None], *, timeout_s: float, poll_s: float = _POLL_S
) -> _T:
    """Wait until `seen` returns something true, and return that; it is asked every `poll_s`.

    Raises:
        FaultError: it did not in time; with what it returned last, and `what` was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = seen()
        if found:
            return found
        if time.monotonic() > deadline:
            raise FaultError(f"no {what} within {timeout_s:.0f} s; seen last: {found!r}")
        time.sleep(poll_s)
