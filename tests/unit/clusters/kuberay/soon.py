"""Waiting for what another thread does."""

import time
from collections.abc import Callable
from typing import Final

WITHIN_S: Final = 10.0


def is_so_soon(condition: Callable[[], bool]) -> bool:
    """Whether something is so, or comes to be so within seconds."""
    deadline = time.monotonic() + WITHIN_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()
