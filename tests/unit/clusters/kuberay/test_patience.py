"""Only time in which somebody looked counts."""

from ml_platform.clusters.kuberay.patience import LONGEST_LOOK_S, Patience
from tests.unit.clusters.fake_time import FakeTime


def test_it_is_over_after_so_long() -> None:
    time = FakeTime()
    patience = Patience(3, time.clock)
    over = []
    for _ in range(3):
        time.sleep(1)
        over.append(patience.is_over())
    assert over == [False, False, True]


def test_an_outage_counts_as_no_more_than_a_slow_look() -> None:
    time = FakeTime()
    patience = Patience(LONGEST_LOOK_S + 1, time.clock)
    time.sleep(1000)
    assert not patience.is_over()
    time.sleep(1)
    assert patience.is_over()
