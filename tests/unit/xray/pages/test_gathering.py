"""What gathers while the pages are served."""

import threading
from collections.abc import Callable

from ml_platform.errors import XrayError
from ml_platform.xray.gather import Gathered
from ml_platform.xray.pages.gathering import Gathering


def gathered_after(*turns: Callable[[], Gathered]) -> Gathering:
    """Gathering that has had these turns, and has ended."""
    left = list(turns)
    is_over = threading.Event()

    def gather() -> Gathered:
        if len(left) == 1:
            is_over.set()
        return left.pop(0)() if left else turns[-1]()

    with Gathering(gather, every_s=0.001) as gathering:
        assert is_over.wait(10)
    return gathering


def away() -> Gathered:
    return Gathered(trouble="the storage did not answer in time")


def fails(error: Exception) -> Callable[[], Gathered]:
    def gather() -> Gathered:
        raise error

    return gather


def test_trouble_is_told_until_it_is_over() -> None:
    assert gathered_after(away).trouble == "the storage did not answer in time"
    assert gathered_after(away, Gathered).trouble == ""


def test_a_store_that_fails_ends_nothing() -> None:
    assert gathered_after(fails(XrayError("it is full"))).trouble == "it is full"
    assert gathered_after(fails(ValueError("odd"))).trouble == "ValueError: odd"
    assert gathered_after(fails(ValueError("odd")), Gathered).trouble == ""
