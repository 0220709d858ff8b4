"""What a training will take, by its rows and the earlier ones."""

import pytest

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.training.estimate import START_S, estimate
from ml_platform.training.result import PhaseRecord, TrainingResult

PHASES = (PhaseRecord(name="encode", seconds=10.0), PhaseRecord(name="fit", seconds=100.0))
EARLIER = TrainingResult(inputs_hash="a", rows=1000, phases=PHASES)


def test_it_grows_with_the_rows_and_is_paid_for_by_the_hour_of_its_cluster() -> None:
    found = estimate([EARLIER], rows=2000, cluster=ClusterSpec(), price_per_hour=3.6)
    assert found is not None
    assert found.seconds == pytest.approx(START_S + 10 + 200)
    assert found.price == pytest.approx(found.seconds / 1000)


def test_without_a_price_or_an_earlier_training_it_is_not_known() -> None:
    unpriced = estimate([EARLIER], rows=2000, cluster=ClusterSpec(), price_per_hour=None)
    assert unpriced is not None
    assert unpriced.price is None
    assert estimate([], rows=2000, cluster=ClusterSpec(), price_per_hour=1.0) is None
