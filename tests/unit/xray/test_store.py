"""What was gathered is kept once, and told as it was asked for."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from ml_platform.settings import Settings
from ml_platform.uris import sqlite_uri
from ml_platform.xray.attempt import AttemptRead, AttemptRecord, Unreadable
from ml_platform.xray.database import open_database
from ml_platform.xray.reading import AttemptRef, read_attempt
from ml_platform.xray.records import Event
from ml_platform.xray.schema import ATTEMPTS
from ml_platform.xray.store import Store, open_store
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training


def attempt(number: int = 1, **values: object) -> AttemptRecord:
    """An attempt that has succeeded, as nothing but a value."""
    plain = AttemptRecord(
        training="3f2a9c0d1b7e5a61",
        number=number,
        model="flight_delay",
        partition="2013-03-14",
        folder_uri="file:///s/trainings/flight_delay/2013-03-14/3f2a9c0d1b7e5a61",
        status="succeeded",
        run="run-1",
        root="run-1",
        provisioner="local",
        place="here",
        cluster="abc",
        job=f"job-{number}",
        claimed_at_s=AT_S,
        ended_at_s=AT_S + 60,
    )
    return replace(plain, **values)  # type: ignore[arg-type]


def keep(store: Store, *attempts: AttemptRecord) -> None:
    store.keep([AttemptRead(attempt=one) for one in attempts], at_s=AT_S)


def test_each_field_of_an_attempt_has_a_column() -> None:
    assert {one.name for one in fields(AttemptRecord)} | {"namespace"} == set(ATTEMPTS.c.keys())


def test_an_attempt_comes_back_as_it_was_read(store: Store, training: Training) -> None:
    training.train(failure=OUT_OF_MEMORY, team="growth", backfill="abcdefgh")
    read = read_attempt(AttemptRef(folder_uri=training.request.folder_uri, number=1))
    store.keep([read], at_s=AT_S)
    (found,) = store.attempts(limit=9)
    assert found == read.attempt
    assert (found.team, found.backfill) == ("growth", "abcdefgh")
    assert store.events([found]) == {found.key: read.events}


def test_what_is_kept_twice_is_there_once(store: Store, training: Training) -> None:
    training.train()
    read = read_attempt(AttemptRef(folder_uri=training.request.folder_uri, number=1))
    for _ in range(2):
        store.keep([read], at_s=AT_S)
    (found,) = store.attempts(limit=9)
    assert len(store.events([found])[found.key]) == len(read.events) == 8


def test_what_was_read_before_the_end_never_replaces_the_end(store: Store) -> None:
    keep(store, attempt())
    keep(store, attempt(status="open", ended_at_s=None))
    assert [one.status for one in store.attempts(limit=9)] == ["succeeded"]


def test_models_are_told_by_their_names_each_once(store: Store) -> None:
    assert store.models() == []
    keep(
        store,
        *(attempt(number, model=model) for number, model in enumerate("cabca", 1)),
    )
    assert store.models() == ["a", "b", "c"]


def test_of_a_span_of_time_are_those_that_have_lived_in_it(store: Store) -> None:
    keep(
        store,
        attempt(1, claimed_at_s=AT_S, ended_at_s=AT_S + 900),
        attempt(2, claimed_at_s=AT_S + 100, ended_at_s=AT_S + 200),
        attempt(3, claimed_at_s=AT_S + 200, ended_at_s=AT_S + 300),
        attempt(4, claimed_at_s=AT_S - 500, ended_at_s=None, status="open"),
        attempt(5, claimed_at_s=AT_S - 900, ended_at_s=AT_S - 800),
    )

    def since(at_s: float) -> list[int]:
        return [one.number for one in store.attempts(since_s=at_s, limit=9)]

    assert since(AT_S + 250) == [4, 3, 1]
    assert since(AT_S) == [4, 3, 2, 1]
    assert since(AT_S + 1000) == [4]


def test_events_of_some_names_are_read_alone(store: Store, training: Training) -> None:
    training.train()
    read = read_attempt(AttemptRef(folder_uri=training.request.folder_uri, number=1))
    store.keep([read], at_s=AT_S)
    (found,) = store.attempts(limit=9)
    wanted = {name: one for name, one in read.events.items() if one.name in ("cluster", "running")}
    assert store.events([found], names=("running", "cluster")) == {found.key: wanted}


def test_those_that_go_on_come_first_then_the_newest(store: Store) -> None:
    keep(
        store,
        attempt(1, claimed_at_s=AT_S),
        attempt(2, claimed_at_s=AT_S + 1, status="open", ended_at_s=None),
        attempt(3, claimed_at_s=AT_S + 2),
    )
    assert [one.number for one in store.attempts(limit=9)] == [2, 3, 1]
    assert [one.number for one in store.attempts(limit=2)] == [2, 3]
    assert [one.number for one in store.attempts(limit=1)] == [2]


def test_attempts_are_chosen_by_model_cause_partition_and_hash(store: Store) -> None:
    keep(
        store,
        attempt(1),
        attempt(2, model="ltv"),
        attempt(3, partition="2013-03-15"),
        attempt(4, status="failed", cause="user_code"),
        attempt(5, training="ffff"),
    )
    assert [one.number for one in store.attempts(model="ltv", limit=9)] == [2]
    assert [one.number for one in store.attempts(cause="user_code", limit=9)] == [4]
    assert [one.number for one in store.of_partition("flight_delay", "2013-03-15")] == [3]
    assert [one.number for one in store.of_training("ff")] == [5]
    assert {one.number for one in store.of_training("3f2a9c0d1b7e5a61")} == {1, 2, 3, 4}
    assert store.of_training("%") == store.of_training("3f2a9c0d1b7e5a62") == []


def test_attempts_are_chosen_by_status(store: Store) -> None:
    keep(store, attempt(1), attempt(2, status="failed"), attempt(3, status="open", ended_at_s=None))
    for status, number in (("succeeded", 1), ("failed", 2), ("open", 3)):
        assert [one.number for one in store.attempts(status=status, limit=9)] == [number]


def test_those_that_have_lived_since_then_are_those_that_ended_later_or_go_on(
    store: Store,
) -> None:
    keep(
        store,
        attempt(1, ended_at_s=AT_S + 10),
        attempt(2, ended_at_s=AT_S + 30),
        attempt(3, status="open", ended_at_s=None),
    )
    assert [one.number for one in store.attempts(since_s=AT_S + 20, limit=9)] == [3, 2]


def test_the_attempts_of_a_run_are_those_of_its_retries_too(store: Store) -> None:
    keep(
        store,
        attempt(1, claimed_at_s=AT_S, run="first", root="first"),
        attempt(2, claimed_at_s=AT_S + 1, run="retry", root="first", ended_by_run="by hand"),
        attempt(3, claimed_at_s=AT_S + 2, run="other", root="other"),
    )
    assert [one.number for one in store.of_run("first")] == [2, 1]
    assert [one.number for one in store.of_run("retry")] == [2, 1]
    assert [one.number for one in store.of_run("by hand")] == [2]
    assert store.of_run("nobody") == []


def test_a_sandbox_with_an_equal_training_is_another_namespace(
    store: Store, settings: Settings
) -> None:
    keep(store, attempt())
    with open_store(settings.model_copy(update={"sandbox": "ada"})) as sandbox:
        assert sandbox.attempts(limit=1000) == []
        keep(sandbox, attempt(status="failed"))
    assert [one.status for one in store.attempts(limit=9)] == ["succeeded"]


def test_what_cannot_be_read_is_told_once_and_forgotten_when_it_can(store: Store) -> None:
    bad = Unreadable(object_uri="file:///s/x", folder_uri="file:///s", number=1, reason="no JSON")
    missing = AttemptRead(attempt=None, unreadable=(bad,))
    assert store.keep([missing], at_s=AT_S) == (bad,)
    assert store.keep([missing], at_s=AT_S + 1) == ()
    assert store.gathering.unreadable(10) == [bad]
    keep(store, attempt(folder_uri="file:///s"))
    assert store.gathering.unreadable(10) == []


def test_what_was_tried_longest_ago_is_tried_first(store: Store) -> None:
    for at_s, name in ((2.0, "a"), (1.0, "b")):
        bad = Unreadable(object_uri=name, reason="no JSON")
        store.keep([AttemptRead(attempt=None, unreadable=(bad,))], at_s=at_s)
    assert [one.object_uri for one in store.gathering.unreadable(1)] == ["b"]


@pytest.mark.parametrize("text", ["nul \0", "half \ud800"])
def test_a_text_that_databases_refuse_is_kept_without_what_they_refuse(
    store: Store, text: str
) -> None:
    event = Event(name="cluster", state="happened", at_s=AT_S, detail=text)
    read = AttemptRead(attempt=attempt(message=text, evidence=(text,)), events={"e": event})
    store.keep([read], at_s=AT_S)
    (found,) = store.attempts(limit=9)
    assert found.message in ("nul \N{REPLACEMENT CHARACTER}", "half ?")
    assert found.evidence == (found.message,)
    assert store.events([found])[found.key]["e"].detail == found.message


def test_an_older_program_reads_and_writes_in_a_newer_database(
    tmp_path: Path, newer: tuple[Path, ...]
) -> None:
    uri = sqlite_uri(tmp_path / "xray.db")
    newest = open_database(uri, versions=newer)
    keep(Store(newest, "local"), attempt(1))
    older = open_database(uri)
    keep(Store(older, "local"), attempt(1, message="again"), attempt(2))
    for database in (older, newest):
        assert [one.number for one in Store(database, "local").attempts(limit=9)] == [1, 2]
        database.close()
