"""The record of a training: each file written once, by whoever is first."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.training.record import (
    Attempt,
    Claim,
    Ended,
    Owner,
    Ready,
    TrainingRecord,
    for_ladder,
)
from ml_platform.training.result import DriverOutcome, TrainingResult
from ml_platform.training.spec import TrainingSpec
from ml_platform.xray.records import Event
from tests.support.lineages import lineage
from tests.unit.training.driver_acts import failure_of, result_of

OWNER = Owner(run="run", root="root")


@pytest.fixture
def record(tmp_path: Path) -> TrainingRecord:
    return TrainingRecord(tmp_path.as_uri())


def claim(number: int, nonce: str, *, rung: int = 0) -> Claim:
    return Claim(
        number=number,
        owner=OWNER,
        provisioner="local",
        place="here",
        cluster="abc",
        spec=ClusterSpec(),
        training=TrainingSpec(),
        submission_id=f"job-{number}",
        rung=rung,
        claimed_at_s=1,
        nonce=nonce,
    )


def ended(cause: Cause) -> Ended:
    return Ended(status="failed", failure=failure_of(cause), ended_at_s=2, seen_by=OWNER)


def test_an_attempt_is_claimed_by_one(record: TrainingRecord) -> None:
    assert record.claim(claim(1, "mine"))
    assert not record.claim(claim(1, "theirs"))
    found = record.attempt(1).claim()
    assert found is not None
    assert found.nonce == "mine"


def test_of_many_who_claim_at_once_one_is_told_yes(record: TrainingRecord) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: record.claim(claim(1, f"nonce {n}")), range(8)))
    assert told.count(True) == 1


def test_a_claim_from_before_teams_and_backfills_were_noted_is_read(
    record: TrainingRecord,
) -> None:
    written = claim(1, "mine").model_dump(mode="json")
    assert (written["owner"].pop("team"), written["owner"].pop("backfill")) == ("", "")
    record.folder.write("attempts/0001/claim.json", json.dumps(written).encode())
    assert record.attempt(1).claim() == claim(1, "mine")


def test_only_what_was_claimed_is_an_attempt_oldest_first(record: TrainingRecord) -> None:
    for number in (10, 9, 1):
        record.claim(claim(number, "mine"))
    record.folder.write("attempts/0002/heartbeat", b"x")
    record.folder.write("attempts/notes/claim.json", b"{}")
    assert [one.number for one in record.attempts()] == [1, 9, 10]


def test_the_first_verdict_on_an_attempt_counts(record: TrainingRecord) -> None:
    attempt = record.attempt(1)
    assert not attempt.has_ended()
    first = attempt.close(ended(Cause.HEAD_LOST))
    assert attempt.close(ended(Cause.CANCELLED)) == first
    assert attempt.ended() == first
    assert attempt.has_ended()


def test_the_first_model_counts(record: TrainingRecord) -> None:
    first = record.commit(result_of(record.attempt(1)))
    assert record.commit(result_of(record.attempt(2))) == first
    assert record.result() == first


def test_the_first_head_that_an_attempt_was_given_is_its_head(record: TrainingRecord) -> None:
    attempt = record.attempt(1)
    first = attempt.note_ready(Ready(incarnation="first", at_s=1))
    assert attempt.note_ready(Ready(incarnation="second", at_s=2)) == first


def test_the_first_request_stays(record: TrainingRecord) -> None:
    request = lineage().request
    record.write_request(request)
    record.write_request(request.model_copy(update={"cluster": ClusterSpec(image="other")}))
    assert record.folder.read_json("request.json")["cluster"]["image"] == ""


def test_a_failed_result_of_before_attempts_had_records_counts_for_nothing(
    record: TrainingRecord,
) -> None:
    old = {"schema_version": 1, "status": "failed", "inputs_hash": "abc", "failure": {"cause": "x"}}
    record.folder.write_json("result.json", old)
    assert record.result() is None


def test_nothing_is_known_of_an_attempt_that_nobody_has_begun(record: TrainingRecord) -> None:
    attempt = record.attempt(1)
    assert attempt.claim() is None
    assert attempt.ready() is None
    assert attempt.started() is None
    assert attempt.outcome() is None
    assert attempt.ended() is None
    assert (attempt.restarts(), attempt.stuck()) == (0, "")


def test_restarts_are_counted_once_each(record: TrainingRecord) -> None:
    attempt = record.attempt(1)
    for number in (1, 1, 2):
        attempt.note_restart(number)
    assert attempt.restarts() == 2


def test_the_first_word_of_a_driver_on_its_end_counts(record: TrainingRecord) -> None:
    attempt = record.attempt(1)
    attempt.note_outcome(DriverOutcome(result=TrainingResult(inputs_hash="abc")))
    attempt.note_outcome(DriverOutcome(failure=failure_of(Cause.USER_CODE)))
    outcome = attempt.outcome()
    assert outcome is not None
    assert outcome.result is not None


def test_events_are_kept_in_the_order_of_their_time(record: TrainingRecord) -> None:
    attempt = record.attempt(1)
    for at_s, name in ((1_700_000_010.5, "running"), (999.0, "cluster")):
        attempt.note_event(Event(name=name, state="began", at_s=at_s))
    kept = attempt.event_names()
    assert [name.split("-")[1] for name in kept] == ["cluster", "running"]
    assert attempt.event(kept[0]) == Event(name="cluster", state="began", at_s=999.0)


def test_an_event_that_is_being_written_is_none_yet(record: TrainingRecord) -> None:
    record.folder.write("attempts/0001/events/.1-cluster-began.json.ab12.partial", b"{")
    assert record.attempt(1).event_names() == []


def test_the_last_lines_of_a_cluster_are_read_by_their_source(record: TrainingRecord) -> None:
    attempt = record.attempt(1)
    assert attempt.log_sources() == []
    attempt.keep_logs({"c-head.ray-head": ("a line", "the last one")})
    assert attempt.log_sources() == ["c-head.ray-head"]
    assert attempt.log("c-head.ray-head") == ("a line", "the last one")


def test_the_ladder_is_told_of_failed_attempts_alone(record: TrainingRecord) -> None:
    failed = for_ladder(claim(1, "mine", rung=2), ended(Cause.OUT_OF_MEMORY))
    assert failed is not None
    assert (failed.cause, failed.rung) == (Cause.OUT_OF_MEMORY, 2)
    superseded = Ended(status="superseded", ended_at_s=2, seen_by=OWNER)
    assert for_ladder(claim(1, "mine"), superseded) is None


def test_files_that_later_versions_write_more_into_are_still_read(record: TrainingRecord) -> None:
    record.claim(claim(1, "mine"))
    path = "attempts/0001/claim.json"
    record.folder.write_json(path, record.folder.read_json(path) | {"added_later": 1})
    assert Attempt(record.folder, 1).claim() is not None
