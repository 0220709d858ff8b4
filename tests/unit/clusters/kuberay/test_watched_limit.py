"""Only time in which somebody looked counts."""

from ml_platform.clusters.kuberay.watched_limit import LONGEST_LOOK_S, WatchedLimit
from tests.unit.clusters.fake_time import FakeTime


def test_it_is_over_after_so_long() -> None:
    time = FakeTime()
    limit = WatchedLimit(3, time.clock)
    over = []
    for _ in range(3):
        time.sleep(1)
        over.append(limit.is_over())
    assert over == [False, False, True]


def test_an_outage_counts_as_no_more_than_a_slow_look() -> None:
    time = FakeTime()
    limit = WatchedLimit(LONGEST_LOOK_S + 1, time.clock)
    time.sleep(1000)
    assert not limit.is_over()
    time.sleep(1)
    assert limit.is_over()
