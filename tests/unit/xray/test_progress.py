"""How far an attempt is."""

from typing import Any, Final

import pytest

from ml_platform.xray.progress import Progress, progress
from ml_platform.xray.sample_store import SamplesRead
from ml_platform.xray.samples import StepTimes
from ml_platform.xray.store import Store
from tests.support.xray import AT_S
from tests.unit.xray.test_store import attempt

EPOCHS: Final = {"parameters": {"epochs": 10}}


def minutes(*epochs: int) -> list[StepTimes]:
    """A sample a minute, each of the epoch that is given."""
    return [
        StepTimes(at_s=AT_S + 60 * number, epoch=epoch, data_s=1.0, step_s=59.0)
        for number, epoch in enumerate(epochs, start=1)
    ]


def of(*epochs: int, limits: Any = EPOCHS, late_s: float = 0.0) -> Progress | None:
    goes_on = attempt(status="open", ended_at_s=None, limits=limits)
    steps = minutes(*epochs)
    return progress(goes_on, steps, now_s=steps[-1].at_s + late_s if steps else AT_S)


def test_the_pace_is_that_of_the_epochs_that_were_trained() -> None:
    # Two minutes an epoch, and a minute of the third.
    found = of(0, 0, 1, 1, 2)
    assert found == Progress(epoch=3, epochs=10, percent=25.0, left_s=900.0)
    assert found is not None
    assert found.told == "epoch 3 of 10, 25 %, at most 15 min left"


def test_one_that_went_on_from_a_checkpoint_is_as_far_as_that() -> None:
    assert of(6, 6, 7) == Progress(epoch=8, epochs=10, percent=75.0, left_s=300.0)


def test_one_that_measures_nothing_more_comes_no_further() -> None:
    found = of(0, 0, 1, 1, 2, late_s=600.0)
    assert found == Progress(epoch=3, epochs=10, percent=25.0, left_s=300.0)


def test_an_epoch_that_takes_longer_is_nearly_over() -> None:
    found = of(0, 0, 1, 1, 1, 1, 1)
    assert found is not None
    assert found.percent == pytest.approx(19.9)


def test_before_an_epoch_is_over_nobody_knows_how_long_it_takes() -> None:
    assert of(0, 0) == Progress(epoch=1, epochs=10, percent=0.0)


@pytest.mark.parametrize("limits", [{}, {"parameters": {"epochs": "ten"}}, {"parameters": None}])
def test_where_no_number_of_epochs_is_recorded_only_the_epoch_is_told(limits: Any) -> None:
    found = of(0, 0, 1, limits=limits)
    assert found == Progress(epoch=2)
    assert found is not None
    assert found.told == "epoch 2"


def test_of_what_has_ended_or_measured_nothing_there_is_no_progress() -> None:
    assert progress(attempt(limits=EPOCHS), minutes(0, 1), now_s=AT_S) is None
    assert of() is None


def test_of_a_long_attempt_the_first_sample_and_the_newest_are_read(store: Store) -> None:
    key = attempt().key
    samples = (*minutes(*range(100)), StepTimes(at_s=AT_S + 60, rank=1))
    store.sample_store.keep([SamplesRead(key=key, object_name="a", samples=samples)])
    found = store.sample_store.first_and_newest([key], newest=3)[key]
    assert [one.epoch for one in found] == [0, 97, 98, 99]
    assert len(store.sample_store.first_and_newest([key], newest=500)[key]) == 100
