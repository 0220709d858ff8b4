"""What was spent, out of the store."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final, get_args

import pytest

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.costs import AnHour, an_hour, costs, summed
from ml_platform.xray.paid import NO_BACKFILL, NO_TEAM, By
from ml_platform.xray.prices import Prices
from ml_platform.xray.spending import spending
from ml_platform.xray.store import Store
from tests.support.xray import AT_S, DAY_S
from tests.unit.xray.test_costs import FLAT, OF_HOUR, SPEC, hour_long
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


@pytest.fixture
def varied(store: Store) -> Store:
    """Attempts of all kinds whose costs differ, some of which go on from another's checkpoint."""
    unpriced = SPEC.model_copy(update={"provisioner": ""})
    growth: dict[str, Any] = {"team": "growth", "backfill": "abcdefgh"}
    keep(
        store,
        hour_long(1, status="failed", cause="node_lost", checkpoint_attempt=1, **growth),
        hour_long(2, status="failed", cause="user_code", checkpoint_attempt=1, root="run-2"),
        hour_long(3, root="run-2", **growth),
        hour_long(1, training="a", status="failed", cause="node_lost", checkpoint_attempt=1),
        hour_long(2, training="a", partition="2013-03-15", checkpoint_attempt=1),
        hour_long(1, training="b", spec=unpriced, model="ltv", **growth),
        hour_long(2, training="b", ready_at_s=None, started_at_s=None, ran_s=None, model="ltv"),
        hour_long(3, training="b", ran_s=None, started_at_s=AT_S + 60, model="ltv", team="risk"),
        hour_long(4, training="b", ran_s=9e9, ended_at_s=None, status="open", model="ltv"),
        hour_long(5, training="b", ready_at_s=AT_S + DAY_S, status="superseded", model="ltv"),
        hour_long(1, training="c", ended_at_s=AT_S + 1, status="failed", checkpoint_attempt=1),
        hour_long(2, training="c", checkpoint_attempt=1),
        hour_long(3, training="c", backfill="ijklmnop"),
    )
    return store


NAMES: Final[Mapping[By, Callable[[AttemptRecord], str]]] = {
    "model": lambda one: one.model,
    "partition": lambda one: f"{one.model} of {one.partition}",
    "team": lambda one: one.team or NO_TEAM,
    "backfill": lambda one: one.backfill or NO_BACKFILL,
    "run": lambda one: one.root,
    "cause": lambda one: one.cause or one.status,
}


def test_the_comparison_below_is_of_every_part() -> None:
    assert set(NAMES) == set(get_args(By))


@pytest.mark.parametrize("by", NAMES)
@pytest.mark.parametrize("since_s", [None, AT_S + 60])
@pytest.mark.parametrize("model", ["", "ltv"])
def test_the_database_sums_what_attempts_cost_one_by_one(
    varied: Store, by: By, since_s: float | None, model: str
) -> None:
    attempts = varied.attempts(model=model, since_s=since_s, limit=99)
    of_each = costs(attempts, FLAT, now_s=NOW_S)
    together: dict[str, list[AttemptRecord]] = {}
    for one in attempts:
        together.setdefault(NAMES[by](one), []).append(one)
    found = spending(varied, by, prices=FLAT, now_s=NOW_S, since_s=since_s, model=model)
    plain = {name: summed(several, of_each, name=name) for name, several in together.items()}
    assert {part.name for part in found.parts} == set(plain)
    for part in found.parts:
        assert asdict(part) == pytest.approx(asdict(plain[part.name]))
    assert asdict(found.whole) == pytest.approx(asdict(summed(attempts, of_each, name="all")))
    dearest = [-(part.total or 0.0) for part in found.parts]
    assert dearest == sorted(dearest)


def test_nothing_is_spent_where_nothing_is(store: Store) -> None:
    found = spending(store, "model", prices=FLAT, now_s=NOW_S)
    assert (found.parts, found.whole.attempts, found.whole.total) == ((), 0, None)


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
