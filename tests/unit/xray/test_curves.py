"""What trainings reported of their epochs: gathered once, told by what tells most."""

import math

import pytest

from ml_platform.settings import Settings
from ml_platform.training.result import EpochRecord, TrainingResult
from ml_platform.xray.compare import compared
from ml_platform.xray.curves import Curves, Metric, curves_of, main_name
from ml_platform.xray.gather import gather
from ml_platform.xray.listing import details
from ml_platform.xray.store import Store
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training, end, epochs_of, runs


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["training_loss", "validation_loss", "best_validation_loss"], "validation_loss"),
        (["loss", "accuracy"], "loss"),
        (["loss", "eval/auc"], "eval/auc"),
        ([], ""),
    ],
)
def test_a_metric_of_rows_held_out_tells_most(names: list[str], name: str) -> None:
    assert main_name(names) == name


def test_what_is_no_number_is_left_out() -> None:
    history = (EpochRecord(epoch=0, metrics={"loss": 1.0, "nan": math.nan, "inf": math.inf}),)
    found = curves_of(TrainingResult(inputs_hash="1", history=history))
    assert found == Curves(metrics={"loss": 1.0}, epochs=({"epoch": 0.0, "loss": 1.0},))


def test_the_curves_of_a_success_are_gathered_with_its_end(
    store: Store, settings: Settings, training: Training
) -> None:
    training.train(1, failure=OUT_OF_MEMORY)
    attempt = training.claim(2, at_s=AT_S + 700)
    runs(attempt, at_s=AT_S + 700)
    gather(store, settings.storage_root)
    training.reports(2, *epochs_of(0.5, 0.25))
    end(attempt, at_s=AT_S + 1400)
    gather(store, settings.storage_root)

    second, first = store.attempts(limit=9)
    found = store.curves.of(second.key)
    assert [one["validation_loss"] for one in found.epochs] == [0.5, 0.25]
    assert store.curves.main_metrics({first.key, second.key}) == {
        second.key: Metric(name="validation_loss", value=0.25)
    }
    assert store.curves.of(first.key) == Curves()


def test_a_result_of_another_attempt_is_none_of_this(
    store: Store, settings: Settings, training: Training
) -> None:
    training.reports(2, *epochs_of(0.5))
    training.train(1)
    gather(store, settings.storage_root)
    (only,) = store.attempts(limit=9)
    assert store.curves.of(only.key) == Curves()


def test_a_result_that_cannot_be_read_hides_no_attempt(
    store: Store, settings: Settings, training: Training
) -> None:
    training.record.folder.write("result.json", b"{")
    training.train(1)
    found = gather(store, settings.storage_root)
    assert len(store.attempts(limit=9)) == 1
    assert [one.object_uri.rsplit("/", 1)[1] for one in found.unreadable] == ["result.json"]


def test_two_attempts_are_compared_by_what_both_reported(store: Store, settings: Settings) -> None:
    for partition, losses in (("2013-03-14", (0.5, 0.4)), ("2013-03-15", (0.5, 0.3))):
        one = Training(storage_root=settings.storage_root, partition=partition)
        one.reports(1, *epochs_of(*losses))
        one.train(1)
    gather(store, settings.storage_root)
    found = [details(store, one, now_s=AT_S) for one in store.attempts(limit=9)]
    a, b = sorted(found, key=lambda one: one.attempt.partition)
    told = [(one.name, one.a, one.b, one.told) for one in compared(a, b).differences]
    assert ("validation_loss", "0.4", "0.3", "B -0.1") in told
