"""Samples are kept once, merged with age, and gone with their attempt."""

from dataclasses import fields
from typing import Any, Final

import pytest

from ml_platform.errors import InputError
from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRead, AttemptRecord, Unreadable
from ml_platform.xray.prune import DAY_S, THINNED_TO_S, YOUNGEST_S, Pruned, prune
from ml_platform.xray.records import Event
from ml_platform.xray.sample_store import SamplesRead
from ml_platform.xray.samples import NodeUse, Sample, Samples, StepTimes
from ml_platform.xray.schema import METADATA, NODE_USE, STEP_TIMES
from ml_platform.xray.store import OF_ATTEMPTS, Store, open_store
from tests.support.xray import AT_S
from tests.unit.xray.test_store import attempt, keep

KEY: Final = {"namespace", "training", "partition", "number"}
STRETCH_S: Final = AT_S - AT_S % 300
"""Begins a stretch of five minutes."""


def measured(store: Store, whose: AttemptRecord, *samples: Sample, ended: bool = True) -> None:
    store.sample_store.keep([SamplesRead(key=whose.key, object_name="a/1.jsonl", samples=samples)])
    if ended:
        store.sample_store.note_all_read([whose.key])


def step(after_s: float, rank: int = 0, **values: Any) -> StepTimes:
    plain: dict[str, Any] = {"batches": 2, "rows": 64, "data_s": 1.0, "step_s": 4.0, "cpu_s": 3.0}
    return StepTimes(at_s=STRETCH_S + after_s, rank=rank, node="a", **plain | values)


def use(after_s: float, node: str = "a", **values: Any) -> NodeUse:
    return NodeUse(at_s=STRETCH_S + after_s, node=node, cpus=4.0, memory_bytes=8e9, **values)


def test_each_field_of_a_sample_has_a_column() -> None:
    assert {one.name for one in fields(StepTimes)} | KEY == set(STEP_TIMES.c.keys())
    assert {one.name for one in fields(NodeUse)} | KEY == set(NODE_USE.c.keys())


def test_samples_of_a_stretch_are_one_of_each_worker_with_times_summed(store: Store) -> None:
    one = attempt()
    measured(store, one, step(10), step(20, checkpoint_s=0.5), step(20, rank=1), step(300, epoch=1))
    assert store.samples(one, every_s=300).steps == (
        step(20, batches=4, rows=128, data_s=2.0, step_s=8.0, cpu_s=6.0, checkpoint_s=0.5),
        step(20, rank=1),
        step(300, epoch=1),
    )


def test_what_was_merged_is_merged_anew_when_there_is_more(store: Store) -> None:
    one = attempt()
    measured(store, one, step(10), ended=False)
    assert len(store.samples(one, every_s=300).steps) == 1
    assert store.samples(one, every_s=300) is store.samples(one, every_s=300)
    measured(store, one, step(100), ended=False)
    (merged,) = store.samples(one, every_s=300).steps
    assert merged.batches == 4
    measured(store, one, step(101), step(400))
    assert [found.batches for found in store.samples(one, every_s=300).steps] == [6, 2]


def test_samples_of_a_stretch_are_one_of_each_node_with_its_mean_use_and_most_memory(
    store: Store,
) -> None:
    one = attempt()
    first = use(10, cpu_used=1.0, memory_used_bytes=6e9, disk_free_bytes=2e9, gpu_used=0.0)
    second = use(25, cpu_used=3.0, memory_used_bytes=4e9, disk_free_bytes=1e9, gpu_used=1.0)
    measured(store, one, first, second, use(25, node="b"))
    assert store.samples(one, every_s=300).nodes == (
        use(25, cpu_used=2.0, memory_used_bytes=6e9, disk_free_bytes=1e9, gpu_used=0.5),
        use(25, node="b"),
    )


def test_samples_are_thinned_a_week_after_the_end_and_once(store: Store) -> None:
    one, other = attempt(1), attempt(2, ended_at_s=AT_S + 90)
    keep(store, one, other)
    for each in (one, other):
        measured(store, each, step(10), step(20))
    now_s = AT_S + 60 + YOUNGEST_S + 1
    plan = Pruned(attempts=(), thinned=1, done=False)
    assert prune(store, older_than_s=90 * DAY_S, now_s=now_s, dry_run=True) == plan
    assert [len(store.samples(each).steps) for each in (one, other)] == [2, 2]
    for thinned in (1, 0):
        done = prune(store, older_than_s=90 * DAY_S, now_s=now_s, dry_run=False)
        assert done == Pruned(attempts=(), thinned=thinned, done=True)
    assert [len(store.samples(each).steps) for each in (one, other)] == [1, 2]
    assert store.samples(one) == store.samples(other, every_s=THINNED_TO_S)


def test_what_is_gathered_of_a_thinned_attempt_again_adds_nothing(store: Store) -> None:
    one = attempt()
    keep(store, one)
    measured(store, one, step(10), step(20))
    store.sample_store.thin(one.key, every_s=300)
    store.sample_store.note_all_read([one.key])
    assert store.sample_store.finer_than(300, ended_before_s=AT_S + 1e9) == []
    assert store.sample_store.unread() == []


def test_old_attempts_go_with_all_that_is_about_them(store: Store, settings: Settings) -> None:
    old, open_one = attempt(1), attempt(2, status="open", ended_at_s=None)
    new = attempt(3, claimed_at_s=AT_S + 99 * DAY_S, ended_at_s=AT_S + 99 * DAY_S + 60)
    event = Event(name="cluster", state="began", at_s=AT_S)
    bad = Unreadable(object_uri="x", folder_uri=old.folder_uri, number=1, reason="no JSON")
    read = AttemptRead(attempt=old, events={"e": event}, unreadable=(bad,))
    with open_store(settings.model_copy(update={"sandbox": "ada"})) as sandbox:
        for each in (store, sandbox):
            each.keep([read], at_s=AT_S)
        keep(store, open_one, new)
        measured(store, old, step(10), use(15))
        now_s = AT_S + 100 * DAY_S
        done = prune(store, older_than_s=90 * DAY_S, now_s=now_s, dry_run=False)
        assert done == Pruned(attempts=(old.id,), thinned=0, done=True)
        assert [one.number for one in store.attempts(limit=9)] == [2, 3]
        assert store.samples(old) == Samples()
        assert store.events([old]) == {old.key: {}}
        assert store.gathering.unreadable(9) == []
        assert not store.sample_store.are_all_read(old.key)
        assert [one.number for one in sandbox.attempts(limit=9)] == [1]


def test_what_gathering_would_bring_back_at_once_stays(store: Store) -> None:
    keep(store, attempt(1), attempt(2, claimed_at_s=AT_S + DAY_S))
    done = prune(store, older_than_s=90 * DAY_S, now_s=AT_S + 100 * DAY_S, dry_run=False)
    assert done.attempts == ()


def test_the_attempts_of_a_week_are_never_removed(store: Store) -> None:
    with pytest.raises(InputError, match="last 7 days are kept"):
        prune(store, older_than_s=YOUNGEST_S - 1, now_s=AT_S, dry_run=True)


def test_all_that_is_about_an_attempt_is_forgotten_with_it() -> None:
    assert {one.name for one in METADATA.sorted_tables if "number" in one.c} == (
        {one.name for one in OF_ATTEMPTS} | {"xray_unreadable"}
    )
