"""What one more training will cost and take, as the earlier ones did."""

from typing import Any

import pytest

from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.forecast import NEWEST, Forecast, forecast, forecast_of
from ml_platform.xray.prices import Prices
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training
from tests.unit.xray.test_costs import FLAT, HOUR_S, OF_HOUR, SPEC, hour_long

LARGER = SPEC.model_copy(update={"head": SPEC.head.model_copy(update={"memory": "64Gi"})})


def trained(name: str, hours: float = 1.0, number: int = 1, **values: Any) -> AttemptRecord:
    """An attempt of this training that waited for an hour and was paid for for some."""
    times = {"claimed_at_s": AT_S - HOUR_S, "ended_at_s": AT_S + hours * HOUR_S}
    return hour_long(number, training=name, **times | values)


def judged(*attempts: AttemptRecord, prices: Prices = FLAT) -> Forecast | None:
    return forecast(attempts, cluster=SPEC, prices=prices)


def test_it_is_the_median_of_those_before_at_todays_prices() -> None:
    found = judged(trained("a", 1), trained("b", 2), trained("c", 9))
    assert found is not None
    assert (found.trainings, found.seconds, found.same_cluster) == (3, 3 * HOUR_S, True)
    assert found.cost == pytest.approx(2 * OF_HOUR)


def test_what_failed_on_the_way_is_paid_for_too() -> None:
    found = judged(trained("a", status="failed", cause="node_lost"), trained("a", number=2))
    assert found is not None
    assert (found.trainings, found.seconds) == (1, 4 * HOUR_S)
    assert found.cost == pytest.approx(2 * OF_HOUR)


def test_without_one_that_has_succeeded_nothing_is_known() -> None:
    goes_on = trained("b", status="open", ended_at_s=None)
    assert judged(trained("a", status="failed", cause="user_code"), goes_on) is None
    assert judged() is None


def test_those_on_the_same_cluster_are_judged_by_and_others_only_if_there_is_none() -> None:
    larger = trained("a", 9, spec=LARGER)
    alike = judged(larger, trained("b", 1))
    assert alike is not None
    assert (alike.trainings, alike.same_cluster) == (1, True)
    others = judged(larger)
    assert others is not None
    assert (others.trainings, others.same_cluster) == (1, False)


def test_the_newest_are_judged_by() -> None:
    old = [trained(f"old-{n}", 9, claimed_at_s=AT_S - 99 * HOUR_S) for n in range(NEWEST)]
    found = judged(*old, *(trained(f"new-{n}", 1) for n in range(NEWEST)))
    assert found is not None
    assert (found.trainings, found.seconds) == (NEWEST, 2 * HOUR_S)


def test_of_which_the_first_attempts_are_not_known_is_not_judged_by() -> None:
    assert judged(trained("a", number=2)) is None
    found = judged(trained("a", number=2), trained("b"))
    assert found is not None
    assert found.trainings == 1


def test_without_a_price_its_time_is_known_alone() -> None:
    found = judged(trained("a"), prices=Prices())
    assert found is not None
    assert (found.seconds, found.cost) == (2 * HOUR_S, None)


def test_it_is_judged_by_what_lies_in_storage_whoever_has_gathered_it(
    settings: Settings, training: Training
) -> None:
    training.train(1, failure=OUT_OF_MEMORY)
    training.train(2, at_s=AT_S + 900)
    priced = settings.model_copy(update={"price_cpu_hour": 1.0})
    found = forecast_of(priced, "flight_delay", training.cluster, within_s=60.0)
    assert found.trouble == ""
    assert found.forecast is not None
    assert (found.forecast.trainings, found.forecast.seconds) == (1, 2 * 690.0)
    paid_s = 2 * 630.0
    assert found.forecast.cost == pytest.approx(training.cluster.cpus * paid_s / HOUR_S)


def test_a_store_that_is_away_is_told_and_fails_nothing(settings: Settings) -> None:
    away = settings.model_copy(update={"xray_uri": "postgresql://ann:secret@127.0.0.1:1/xray"})
    found = forecast_of(away, "flight_delay", SPEC)
    assert found.forecast is None
    assert "fails" in found.trouble
    assert "secret" not in found.trouble
