"""Where a worker's time goes, on clocks that a test moves."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from ml_platform.training.api import Batch
from ml_platform.training.telemetry.step_clock import StepClock
from ml_platform.xray.samples import StepTimes


@dataclass
class Time:
    """Time that passes, and of it what a thread had a CPU for."""

    wall_s: float = 100.0
    cpu_s: float = 7.0
    told: list[StepTimes] = field(default_factory=list)

    def clock(self, *, every_s: float = 10.0) -> StepClock:
        return StepClock(
            3,
            self.told.append,
            node="10.0.0.7",
            every_s=every_s,
            clock=lambda: self.wall_s,
            cpu_clock=lambda: self.cpu_s,
            now=lambda: 1_000.0,
        )

    def waits(self, seconds: float) -> None:
        self.wall_s += seconds

    def computes(self, seconds: float) -> None:
        self.wall_s += seconds
        self.cpu_s += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def batches(count: int, time: Time, *, after_s: float) -> Iterator[Batch]:
    import torch

    for _ in range(count):
        time.waits(after_s)
        yield Batch(numbers=torch.zeros(8, 2), categories=torch.zeros(8, 1), label=torch.zeros(8))


def test_waiting_for_data_computing_and_waiting_for_others_are_told_apart(time: Time) -> None:
    clock = time.clock()
    for _ in clock.along(batches(4, time, after_s=0.5), 2):
        time.computes(0.25)
        time.waits(1.0)
    clock.flush()

    [told] = time.told
    assert told.node == "10.0.0.7"
    assert (told.rank, told.epoch, told.batches, told.rows) == (3, 2, 4, 32)
    assert told.data_s == pytest.approx(4 * 0.5)
    assert told.step_s == pytest.approx(4 * 1.25)
    assert told.cpu_s == pytest.approx(4 * 0.25)


def test_a_long_epoch_is_told_in_stretches(time: Time) -> None:
    clock = time.clock(every_s=10)
    for _ in clock.along(batches(25, time, after_s=0.5), 0):
        time.computes(0.5)
    clock.flush()

    assert [one.batches for one in time.told] == [10, 10, 5]
    assert sum(one.data_s + one.step_s for one in time.told) == pytest.approx(25)


def test_short_epochs_share_a_stretch(time: Time) -> None:
    clock = time.clock(every_s=10)
    for epoch in range(3):
        for _ in clock.along(batches(2, time, after_s=0.5), epoch):
            time.computes(0.5)
    clock.flush()

    [told] = time.told
    assert (told.epoch, told.batches) == (2, 6)


def test_a_checkpoint_is_a_part_of_its_step(time: Time) -> None:
    clock = time.clock()
    for _ in clock.along(batches(1, time, after_s=0.0), 0):
        time.computes(1.0)
        with clock.checkpoint():
            time.waits(3.0)
    clock.flush()

    [told] = time.told
    assert (told.step_s, told.checkpoint_s) == (4.0, 3.0)


def test_a_loop_that_stops_early_is_measured_as_far_as_it_came(time: Time) -> None:
    clock = time.clock()
    for _ in clock.along(batches(9, time, after_s=0.5), 0):
        time.computes(0.5)
        break
    for _ in clock.along(batches(2, time, after_s=0.5), 1):
        time.computes(0.5)
    clock.flush()

    [told] = time.told
    assert (told.epoch, told.batches) == (1, 2)


def test_where_nothing_was_done_nothing_is_told(time: Time) -> None:
    clock = time.clock()
    clock.flush()
    assert time.told == []
