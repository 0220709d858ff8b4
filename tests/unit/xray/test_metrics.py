"""What X-Ray knows, as Prometheus reads it."""

import math
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from ml_platform.clusters.causes import Cause
from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.gather import gather
from ml_platform.xray.listing import Listed
from ml_platform.xray.metrics import Known, exposition, known
from ml_platform.xray.prices import Prices
from ml_platform.xray.prune import prune
from ml_platform.xray.store import Store
from ml_platform.xray.timeline import Doing, Times
from tests.support.xray import AT_S, DAY_S, OUT_OF_MEMORY, Training, note, runs
from tests.unit.xray.test_costs import FLAT, OF_HOUR, SPEC
from tests.unit.xray.test_store import attempt, keep

NOW_S: Final = AT_S + 3600.0
MONDAY_S: Final = AT_S - 5 * DAY_S - 14 * 3600.0
"""23 November 2026, 00:00 UTC."""
TEAM: Final = {"model": "flight_delay"}
ROOT: Final = "file:///storage"

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(text: bytes) -> Series:
    """Each sample by its name and labels, as a client of Prometheus' format reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def asked(store: Store, now_s: float = NOW_S, **how: Any) -> Series:
    plain: dict[str, Any] = {"prices": Prices(), "has_trouble": False}
    return series(exposition(known(store, ROOT, now_s=now_s, **plain | how)))


def value(found: Series, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return found.get((name, frozenset((labels or {}).items())))


def ephemeral(number: int, **values: Any) -> AttemptRecord:
    """One that goes on, on a cluster that has been ready for an hour."""
    return attempt(
        number,
        **{
            "status": "open",
            "ended_at_s": None,
            "ready_at_s": AT_S,
            "provisioner": "ephemeral",
            "spec": SPEC.model_dump(mode="json"),
        }
        | values,
    )


def a_bit_of_all() -> Known:
    """A sample of each metric."""
    queued = Times(queued_s=60.0, starting_s=30.0, ran_s=None)
    one = Listed(attempt=ephemeral(1), times=queued, doing=Doing(state="running", seconds=60.0))
    other = Listed(attempt=ephemeral(2, spec={"provisioner": "orbital"}), times=queued, doing=None)
    return Known(
        going_on=(one, other),
        recent=(one,),
        prices=FLAT,
        gathered_at_s=AT_S,
        reaped=2,
        now_s=NOW_S,
    )


def test_what_goes_on_is_counted_by_model_and_state_with_the_longest(
    store: Store, settings: Settings
) -> None:
    for day, detail in (("2013-03-14", "queued: 3 are before it"), ("2013-03-15", "")):
        training = Training(storage_root=settings.storage_root, partition=day)
        waiting = training.claim(at_s=NOW_S - 900)
        if detail:
            note(waiting, "cluster", "happened", NOW_S - 890, detail=detail)
    running = Training(storage_root=settings.storage_root, partition="2013-03-16").claim(at_s=AT_S)
    runs(running, at_s=AT_S)
    gather(store, settings.storage_root, now=lambda: NOW_S)
    found = asked(store)
    for state, seconds in {"queued": 900, "starting": 900, "running": 3600 - 90}.items():
        assert value(found, "mlp_attempts_open", TEAM | {"state": state}) == 1
        longest = value(found, "mlp_attempts_open_longest_seconds", TEAM | {"state": state})
        assert longest == seconds


def test_what_ended_is_counted_by_status_and_cause_from_0_on(store: Store) -> None:
    keep(
        store,
        attempt(1, status="failed", cause="node_lost"),
        attempt(2),
        attempt(3, ended_at_s=MONDAY_S - 1),
    )
    found = asked(store)
    ended = "mlp_attempts_ended_total"
    assert value(found, ended, {"status": "failed", "cause": "node_lost"}) == 1
    assert value(found, ended, {"status": "succeeded", "cause": ""}) == 1
    for cause in {*Cause} - {Cause.NODE_LOST}:
        assert value(found, ended, {"status": "failed", "cause": cause.value}) == 0


def test_no_counter_falls_when_old_attempts_are_pruned(store: Store) -> None:
    # At the last second of a week, with the shortest time that prune takes.
    now_s = MONDAY_S + 7 * DAY_S - 1
    ended_at = (MONDAY_S - 2, MONDAY_S, now_s)
    keep(
        store,
        *(
            attempt(number, claimed_at_s=at_s - 60, ended_at_s=at_s)
            for number, at_s in enumerate(ended_at, start=1)
        ),
    )
    before = asked(store, now_s)
    pruned = prune(store, older_than_s=7 * DAY_S, now_s=now_s, dry_run=False)
    assert len(pruned.attempts) == 1
    after = asked(store, now_s)
    succeeded = {"status": "succeeded", "cause": ""}
    for found in (before, after):
        assert value(found, "mlp_attempts_ended_total", succeeded) == 2


def test_times_to_ready_are_those_of_the_last_day(store: Store) -> None:
    keep(
        store,
        *(
            attempt(number, claimed_at_s=AT_S, ready_at_s=AT_S + seconds, ended_at_s=AT_S + 1800)
            for number, seconds in enumerate((10, 45, 900), start=1)
        ),
        attempt(4, claimed_at_s=NOW_S - DAY_S - 60, ready_at_s=NOW_S - DAY_S - 1),
    )
    found = asked(store)
    name = "mlp_attempt_ready_seconds"
    buckets = {"10.0": 1, "30.0": 1, "60.0": 2, "600.0": 2, "1200.0": 3, "+Inf": 3}
    for bound, count in buckets.items():
        assert value(found, f"{name}_bucket", TEAM | {"le": bound}) == count
    assert value(found, f"{name}_gcount", TEAM) == 3
    assert value(found, f"{name}_gsum", TEAM) == 955


def test_who_waits_in_a_queue_is_in_the_times_of_the_queue(
    store: Store, settings: Settings
) -> None:
    waiting = Training(storage_root=settings.storage_root).claim(at_s=NOW_S - 900)
    note(waiting, "cluster", "happened", NOW_S - 890, detail="queued: 3 are before it")
    gather(store, settings.storage_root, now=lambda: NOW_S)
    found = asked(store)
    assert value(found, "mlp_attempt_queue_seconds_gsum", TEAM) == 890
    assert value(found, "mlp_attempt_queue_seconds_bucket", TEAM | {"le": "600.0"}) == 0
    assert value(found, "mlp_attempt_ready_seconds_gcount", TEAM) is None


def test_an_hour_costs_what_the_clusters_cost_that_are_ready(store: Store) -> None:
    keep(store, ephemeral(1), ephemeral(2), ephemeral(3, ready_at_s=None), attempt(4))
    assert math.isclose(
        value(asked(store, prices=FLAT), "mlp_cost_per_hour", TEAM) or 0.0, 2 * OF_HOUR
    )
    assert value(asked(store, prices=FLAT), "mlp_attempts_unpriced", TEAM) is None


def test_clusters_without_a_price_are_counted_and_cost_nothing_that_is_known(store: Store) -> None:
    keep(store, ephemeral(1), ephemeral(2, spec={"provisioner": "orbital"}))
    keep(store, ephemeral(3, provisioner="local"))
    found = asked(store)
    assert value(found, "mlp_attempts_unpriced", TEAM) == 2
    assert value(found, "mlp_cost_per_hour", TEAM) is None


def test_when_all_was_gathered_is_that_of_this_storage(store: Store, settings: Settings) -> None:
    name = "mlp_xray_gathered_timestamp_seconds"
    Training(storage_root=settings.storage_root).train(failure=OUT_OF_MEMORY)
    gather(store, settings.storage_root, now=lambda: NOW_S)
    assert value(asked(store), name) is None
    text = exposition(
        known(store, settings.storage_root, prices=Prices(), has_trouble=False, now_s=NOW_S)
    )
    assert value(series(text), name) == NOW_S


def test_trouble_of_gathering_is_1(store: Store) -> None:
    assert value(asked(store), "mlp_xray_gathering_trouble") == 0
    assert value(asked(store, has_trouble=True), "mlp_xray_gathering_trouble") == 1


def test_what_the_reaper_has_removed_is_counted_when_it_is_known(store: Store) -> None:
    name = "mlp_clusters_reaped_total"
    assert value(asked(store), name) is None
    assert value(asked(store, reaped=3), name) == 3


def test_whatever_a_model_is_named_is_one_label(store: Store) -> None:
    name = 'a"b\\c\nd'
    keep(store, ephemeral(1, model=name))
    labels = {"model": name, "state": "starting"}
    assert value(asked(store), "mlp_attempts_open", labels) == 1


def test_an_empty_store_says_so_without_a_model() -> None:
    found = series(exposition(Known(now_s=NOW_S)))
    assert set(found.values()) == {0.0}
    assert not [name for name, labels in found if "model" in dict(labels)]
