"""What is found in an attempt, and what it cost, out of the store."""

from typing import Final

import pytest

from ml_platform.xray.findings.judges import loud_names
from ml_platform.xray.judging import cost_of_one, cost_of_training, judged, seen_of
from ml_platform.xray.listing import details, told
from ml_platform.xray.prices import Prices
from ml_platform.xray.sample_store import SamplesRead
from ml_platform.xray.store import Store
from tests.support.xray import AT_S, DAY_S
from tests.unit.xray.findings.made_up import NOW_S, hour_long, worker
from tests.unit.xray.test_store import keep

PRICES: Final = Prices(cpu=0.1)
LOUD: Final = loud_names("all")


@pytest.fixture
def slow(store: Store) -> Store:
    """An attempt whose second worker is slow, after one that failed and ten of other days."""
    keep(
        store,
        hour_long(1, status="failed", cause="node_lost", checkpoint_attempt=1, claimed_at_s=AT_S),
        hour_long(2, claimed_at_s=AT_S + 1),
        *(
            hour_long(1, training=f"{day:04x}", partition=f"2013-02-{day:02d}", claimed_at_s=at_s)
            for day in range(1, 11)
            for at_s in (AT_S - day * DAY_S,)
        ),
        hour_long(1, training="ffff", partition="2013-04-01", claimed_at_s=AT_S + DAY_S),
    )
    samples = (worker(0, cpu_s=40, waiting_s=50), worker(1, cpu_s=90, waiting_s=0))
    store.sample_store.keep([SamplesRead(key=hour_long(2).key, object_name="a", samples=samples)])
    return store


def test_an_attempt_is_compared_with_those_that_succeeded_before_it(slow: Store) -> None:
    found = seen_of(slow, hour_long(2, claimed_at_s=AT_S + 1), prices=PRICES, now_s=NOW_S)
    assert [one.attempt.training for one in found.earlier] == [f"{day:04x}" for day in range(1, 11)]
    assert [one.number for one in found.training] == [1, 2]
    assert len(found.samples.steps) == 2


def test_what_was_found_is_part_of_the_story_when_it_is_turned_on(slow: Store) -> None:
    attempts = slow.of_training("3f2a")
    plain = told(slow, attempts, now_s=NOW_S)
    loud = told(slow, attempts, now_s=NOW_S, prices=PRICES, loud=LOUD)
    assert not [line for line in plain.lines if "cost" in line or "Found" in line]
    # Seventeen CPUs for twice 3630 s.
    assert loud.lines[0].endswith("after it began. It cost 3.43.")
    (line,) = (line for line in loud.lines if line.startswith("Found in attempt 2: "))
    assert "Rank 1 on node 10.0.0.1 took 2.1 × as long as the others" in line
    assert loud.lines[-1].startswith("Next: look in train.py for what rank 1 does alone")


def test_what_was_found_is_shown_with_the_attempt_when_it_is_turned_on(slow: Store) -> None:
    (one,) = (one for one in slow.of_training("3f2a") if one.number == 2)
    assert details(slow, one, now_s=NOW_S).findings == ()
    shown = details(slow, one, now_s=NOW_S, prices=PRICES, loud=loud_names("straggler"))
    assert [finding.name for finding in shown.findings] == ["straggler"]
    assert shown.cost.total == pytest.approx(1.7 * 3630 / 3600)
    all_of_it = judged(slow, one, prices=PRICES, loud=(), now_s=NOW_S)
    assert [finding.quiet for finding in all_of_it] == [True] * len(all_of_it)


def test_what_failed_is_not_wasted_where_the_next_went_on(slow: Store) -> None:
    first, second = sorted(slow.of_training("3f2a"), key=lambda one: one.number)
    assert cost_of_one(slow, first, prices=PRICES, now_s=NOW_S).wasted == 0
    whole = cost_of_training(slow, second, prices=PRICES, now_s=NOW_S)
    assert (whole.attempts, whole.wasted) == (2, 0)
