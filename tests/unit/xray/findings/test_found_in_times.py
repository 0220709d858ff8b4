"""Where the time of attempts goes: queues, starts, work done again, and what is unusual."""

from typing import Any

import pytest

from ml_platform.xray.findings.checkpoints import checkpoints_too_seldom
from ml_platform.xray.findings.no_progress import no_progress
from ml_platform.xray.findings.queueing import queueing
from ml_platform.xray.findings.recompute import recompute
from ml_platform.xray.findings.slower import slower
from ml_platform.xray.findings.start_up import start_up
from ml_platform.xray.records import Event
from tests.support.xray import AT_S
from tests.unit.xray.findings.made_up import HOUR_S, hour_long, past, seen


@pytest.mark.parametrize(
    "judge", [queueing, slower, start_up, recompute, checkpoints_too_seldom, no_progress]
)
def test_nothing_is_found_in_a_healthy_training(judge: Any) -> None:
    assert judge(seen(earlier=past(10))) is None


def queued(seconds: float) -> tuple[Event, ...]:
    """Admitted after so long."""
    return (
        Event(name="cluster", state="began", at_s=AT_S),
        Event(name="cluster", state="happened", at_s=AT_S, detail="queued: 3 are before it"),
        Event(name="cluster", state="happened", at_s=AT_S + seconds, detail="starting: pods"),
        Event(name="running", state="began", at_s=AT_S + seconds + 30),
    )


@pytest.mark.parametrize(
    ("seconds", "usual_s", "is_found"),
    [(299.0, 0.0, False), (300.0, None, True), (1800.0, 600.0, False), (1801.0, 600.0, True)],
)
def test_queueing_is_a_wait_of_thrice_what_is_usual(
    seconds: float, usual_s: float | None, is_found: bool
) -> None:
    found = queueing(seen(events=queued(seconds), earlier=past(5, queued_s=usual_s)))
    assert (found is not None) == is_found


def test_what_is_usual_nobody_knows_of_four() -> None:
    assert queueing(seen(events=queued(HOUR_S), earlier=past(4))) is None
    assert slower(seen(earlier=past(4, ran_s=600.0))) is None


@pytest.mark.parametrize(
    ("usual_s", "confidence"), [(2401.0, None), (2400.0, "medium"), (1800.0, "high")]
)
def test_slower_is_half_as_long_again_as_the_partitions_before(
    usual_s: float, confidence: str | None
) -> None:
    found = slower(seen(earlier=past(5, ran_s=usual_s)))
    assert (found and found.confidence) == confidence


def test_one_that_goes_on_is_slower_when_it_has_run_for_longer() -> None:
    goes_on = hour_long(status="open", ended_at_s=None, ran_s=None)
    found = slower(seen(goes_on, earlier=past(5), now_s=AT_S + 60 + 1.6 * HOUR_S))
    assert found is not None
    assert found.sentence == "It has run for 1 h 36 min, 1.6 × as long as is usual."


@pytest.mark.parametrize(
    "values",
    [
        {"number": 2},
        {"status": "failed"},
        {"spec_in_words": "another cluster"},
        {"limits": {"parameters": {"lr": 0.2}, "window_days": 28}},
        {"ran_s": 59.0},
    ],
)
def test_what_cannot_be_compared_is_not_slower(values: dict[str, Any]) -> None:
    usual_s = 1.0 if "ran_s" in values else 600.0
    assert slower(seen(hour_long(), earlier=past(5, ran_s=600.0))) is not None
    assert slower(seen(hour_long(**{"number": 1} | values), earlier=past(5, ran_s=usual_s))) is None


def started_after(seconds: float, **values: Any) -> Any:
    return hour_long(
        **{
            "ready_at_s": AT_S + seconds - 10,
            "started_at_s": AT_S + seconds,
            "ended_at_s": AT_S + seconds + 600,
            "ran_s": 600.0,
        }
        | values
    )


@pytest.mark.parametrize(("seconds", "is_found"), [(179.0, False), (181.0, True)])
def test_a_start_is_long_that_takes_minutes(seconds: float, is_found: bool) -> None:
    assert (start_up(seen(started_after(seconds))) is not None) == is_found


def test_a_start_of_minutes_is_short_beside_hours() -> None:
    long = started_after(300.0, ran_s=1201.0, ended_at_s=AT_S + 1501)
    assert start_up(seen(long)) is None
    assert start_up(seen(started_after(300.0, ran_s=1199.0))) is not None


def test_the_longest_part_of_a_start_is_named() -> None:
    cluster = start_up(seen(started_after(400.0)))
    driver = start_up(seen(started_after(400.0, ready_at_s=AT_S + 100)))
    assert cluster is not None
    assert driver is not None
    assert cluster.sentence.endswith("most of it for the cluster.")
    assert driver.sentence.endswith("most of it for its driver.")
    assert driver.evidence == ("the cluster: 1 min 40 s", "the driver: 5 min")


def test_an_image_that_takes_most_of_a_start_is_named() -> None:
    told = "starting: Node n1 still pulls image reg/ml:7 for the group workers, since 31 s."
    events = (
        Event(name="cluster", state="happened", at_s=AT_S + 40, detail=told),
        Event(name="cluster", state="ended", at_s=AT_S + 390, seconds=390.0),
    )
    found = start_up(seen(started_after(400.0), events=events))
    assert found is not None
    assert found.sentence.endswith("most of it for pulling the image reg/ml:7.")
    assert "image reg/ml:7: pulled for some 6 min 21 s" in found.evidence


def test_an_image_whose_pull_was_recorded_is_named_with_how_long_that_took() -> None:
    told = "image reg/ml:7 took 350 s on node n1"
    events = (Event(name="pulling", state="ended", at_s=AT_S + 380, seconds=350.0, detail=told),)
    found = start_up(seen(started_after(400.0), events=events))
    assert found is not None
    assert found.sentence.endswith("most of it for pulling the image reg/ml:7.")
    assert "image reg/ml:7: pulled for some 5 min 50 s" in found.evidence


def failed(number: int, *, ran_s: float, lost_s: float | None = None, **values: Any) -> Any:
    """Its last checkpoint was so long before its end; None if it left none."""
    end_s = AT_S + ran_s
    left = {
        "checkpoint_attempt": number,
        "checkpoint_epoch": 3,
        "checkpoint_written_at_s": end_s - (lost_s or 0.0),
    }
    return hour_long(
        number,
        status="failed",
        cause="node_lost",
        ran_s=ran_s,
        ended_at_s=end_s,
        **(left if lost_s is not None else {}) | values,
    )


@pytest.mark.parametrize(
    ("lost_s", "confidence"),
    [(499.0, None), (501.0, "medium"), (1300.0, "high"), (None, "high")],
)
def test_work_is_done_again_from_the_last_checkpoint_or_from_the_beginning(
    lost_s: float | None, confidence: str | None
) -> None:
    last = hour_long(2)
    training = (failed(1, ran_s=1400.0, lost_s=lost_s), last)
    found = recompute(seen(last, training=training))
    assert (found and found.confidence) == confidence


def test_what_was_lost_is_told_of_each_attempt() -> None:
    last = hour_long(3)
    training = (failed(1, ran_s=1800.0, lost_s=600.0), failed(2, ran_s=900.0), last)
    found = recompute(seen(last, training=training))
    assert found is not None
    assert found.sentence.startswith("25 min of work, 24% of all, was done again after 2 failures")
    assert found.evidence == (
        "attempt 1: 10 min since its checkpoint of epoch 3, then node_lost",
        "attempt 2: 15 min since its beginning, then node_lost",
    )


def test_a_failure_after_which_nobody_went_on_lost_nothing_yet() -> None:
    only = failed(1, ran_s=HOUR_S)
    assert recompute(seen(only)) is None


@pytest.mark.parametrize(("every_s", "best_s"), [(200.0, None), (400.0, 130), (3600.0, 130)])
def test_checkpoints_are_too_seldom_for_how_often_it_fails(
    every_s: float, best_s: int | None
) -> None:
    limits = {"checkpoint_every_s": every_s}
    last = hour_long(2, limits=limits)
    training = (failed(1, ran_s=540.0, lost_s=350.0, limits=limits), last)
    found = checkpoints_too_seldom(seen(last, training=training))
    assert (found and found.next_step.partition("}")[0]) == (
        best_s and f"`training: {{checkpoint_every_s: {best_s}"
    )


def test_no_progress_is_told_as_whoever_stopped_it_saw_it() -> None:
    hung = hour_long(
        status="failed",
        cause="no_progress",
        message="nothing came for 3600 s",
        hint="look where it hangs.",
        evidence=("rank 1 waits in all_reduce",),
    )
    found = no_progress(seen(hung))
    assert found is not None
    assert found.sentence == "It made no progress: nothing came for 3600 s."
    assert (found.evidence, found.next_step) == (hung.evidence, hung.hint)
