"""What was spent, out of the store."""

from typing import Any

import pytest

from ml_platform.xray.costs import AnHour, an_hour, costs
from ml_platform.xray.prices import Prices
from ml_platform.xray.spending import spending
from ml_platform.xray.store import Store
from tests.support.xray import AT_S, DAY_S
from tests.unit.xray.test_costs import FLAT, OF_HOUR, hour_long
from tests.unit.xray.test_store import keep

NOW_S = AT_S + 7200.0


@pytest.fixture
def spent(store: Store) -> Store:
    """Two attempts of one training, of which the first was for nothing, and one of before."""
    keep(
        store,
        hour_long(1, status="failed", cause="node_lost", provisioner="ephemeral"),
        hour_long(2, provisioner="ephemeral"),
        hour_long(
            1,
            training="0ld",
            model="ltv",
            ready_at_s=AT_S - 2 * DAY_S,
            ended_at_s=AT_S - 2 * DAY_S + 3600,
        ),
    )
    return store


def test_the_dearest_comes_first_and_what_failed_for_nothing_is_wasted(spent: Store) -> None:
    found = spending(spent, "model", prices=FLAT, now_s=NOW_S)
    assert [(one.name, one.attempts) for one in found.parts] == [("flight_delay", 2), ("ltv", 1)]
    assert found.whole.total == pytest.approx(3 * OF_HOUR)
    assert found.whole.wasted == pytest.approx(OF_HOUR)


def test_of_before_nothing_is_counted_and_one_model_is_by_itself(spent: Store) -> None:
    assert spending(spent, "run", prices=FLAT, now_s=NOW_S, since_s=AT_S).whole.attempts == 2
    assert spending(spent, "run", prices=FLAT, now_s=NOW_S, model="ltv").whole.attempts == 1


def test_what_a_team_and_a_backfill_have_spent_and_what_nobody_has(store: Store) -> None:
    keep(
        store,
        hour_long(1, status="failed", cause="node_lost", team="growth", backfill="abcdefgh"),
        hour_long(2, team="growth", backfill="abcdefgh"),
        hour_long(1, training="b", team="risk"),
        hour_long(1, training="c"),
    )
    by_team = spending(store, "team", prices=FLAT, now_s=NOW_S).parts
    assert [(one.name, one.attempts) for one in by_team] == [
        ("growth", 2),
        ("no team", 1),
        ("risk", 1),
    ]
    assert by_team[0].total == pytest.approx(2 * OF_HOUR)
    assert by_team[0].wasted == pytest.approx(OF_HOUR)
    by_backfill = spending(store, "backfill", prices=FLAT, now_s=NOW_S).parts
    assert [(one.name, one.attempts) for one in by_backfill] == [
        ("abcdefgh", 2),
        ("no backfill", 2),
    ]


def test_what_is_read_for_costs_costs_as_much_as_the_whole_attempt(spent: Store) -> None:
    whole = spent.attempts(limit=9)
    assert costs(spent.paid_attempts(), FLAT, now_s=NOW_S) == costs(whole, FLAT, now_s=NOW_S)


def test_what_goes_on_costs_so_much_an_hour_and_what_waits_nothing() -> None:
    goes_on: dict[str, Any] = {"status": "open", "ended_at_s": None, "provisioner": "ephemeral"}
    ready = hour_long(1, **goes_on)
    waits = hour_long(2, ready_at_s=None, **goes_on)
    local = hour_long(3, **goes_on | {"provisioner": "local"})
    ended = hour_long(4, provisioner="ephemeral")
    found = an_hour([ready, waits, local, ended], FLAT)
    assert (found.attempts, found.unknown) == (1, 0)
    assert found.price == pytest.approx(OF_HOUR)
    assert an_hour([ready], Prices()) == AnHour(attempts=1, unknown=1, price=None)
    assert an_hour([ended], FLAT) == AnHour(attempts=0, unknown=0, price=None)
