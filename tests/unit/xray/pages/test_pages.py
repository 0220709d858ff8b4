"""What each page answers, and its twin for programs."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRead
from ml_platform.xray.pages.answers import ZONE_COOKIE
from ml_platform.xray.store import open_store
from tests.support.xray import AT_S
from tests.support.xray_pages import (
    EARLY,
    ESCAPED,
    LATE,
    MARKUP,
    RUNNING,
    WAITING,
    Story,
    addresses,
    facts,
    id_of,
    pages_of,
)
from tests.unit.xray.test_store import attempt


def twin(address: str) -> str:
    path, mark, query = address.partition("?")
    return f"{'/attempts' if path == '/' else path}.json{mark}{query}"


@pytest.mark.parametrize(
    "name",
    ["overview", "attempt", "measured", "log", "training", "model", "run", "costs", "compare"],
)
def test_a_page_and_its_twin_say_the_same_sentence(
    reader: httpx.Client, story: Story, name: str
) -> None:
    address = addresses(story)[name]
    page = reader.get(address)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    found = facts(reader, twin(address))
    sentence = found.get("sentence") or found.get("headline", {}).get("sentence") or found["source"]
    assert sentence in page.text.replace("&#39;", "'")
    assert f'href="{twin(address)}"'.replace("&", "&amp;") in page.text


def test_the_first_page_says_what_is_wrong_and_whose_it_is(
    reader: httpx.Client, story: Story
) -> None:
    headline = facts(reader, "/attempts.json")["headline"]
    assert headline["level"] == "wrong"
    assert headline["sentence"].startswith("1 thing is wrong now, for the model's author;")
    (trouble,) = headline["troubles"]
    assert trouble["attempt"] == id_of(story.failed, 2)
    assert trouble["told"] == "failed 2 h 37 min ago by out_of_memory in group workers"
    assert trouble["run"] == "run-of-ada"


def test_the_list_has_who_what_since_when_its_state_and_why_it_waits(reader: httpx.Client) -> None:
    page = reader.get("/").text
    row = next(row for row in page.split("<tr>") if WAITING in row)
    for shown in ("run-of-ada-2", "2026-11-28 16:45 UTC", "15 min", "queued", ESCAPED):
        assert shown in row


def partitions(reader: httpx.Client, query: str) -> list[str]:
    found = facts(reader, f"/attempts.json{query}")["attempts"]
    return [one["attempt"]["partition"] for one in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?status=open", [RUNNING, WAITING]),
        ("?status=succeeded", [LATE]),
        ("?cause=out_of_memory&limit=1", [LATE]),
        ("?model=ltv", []),
        (f"?partition={LATE}", [LATE, LATE]),
        (f"?partition={EARLY}&status=succeeded", []),
        ("?since=1h", [RUNNING, WAITING]),
        ("?status=open&sort=partition", [WAITING, RUNNING]),
        ("?sort=-ran_s&limit=3", [LATE, RUNNING, WAITING]),
    ],
)
def test_the_list_is_chosen_and_sorted_by_its_address(
    reader: httpx.Client, query: str, expected: list[str]
) -> None:
    assert partitions(reader, query) == expected


def test_what_is_chosen_stays_in_the_addresses_of_the_page(reader: httpx.Client) -> None:
    page = reader.get("/?status=failed&sort=ran_s").text
    assert '<option selected value="failed">' in page
    assert 'href="/?status=failed&amp;sort=-ran_s"' in page
    assert 'aria-sort="ascending"' in page
    assert 'href="/attempts.csv?status=failed&amp;sort=ran_s"' in page


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?cause=memory", "there is no cause &#39;memory&#39;"),
        ("?status=dead", "it is one of open, succeeded, failed, superseded"),
        ("?since=2d", "it is one of 1h, 12h, 1d, 7d, 30d"),
        ("?sort=name", "it is one of attempt, model"),
        ("?limit=0", "it is a number from 1 to 1000"),
    ],
)
def test_a_choice_that_cannot_be_is_told_with_those_that_can(
    reader: httpx.Client, query: str, told: str
) -> None:
    answer = reader.get(f"/{query}")
    assert answer.status_code == 400
    assert told in answer.text


def test_a_list_with_nothing_in_it_leads_to_all(reader: httpx.Client) -> None:
    page = reader.get("/?status=superseded").text
    assert "No attempt is like that." in page
    assert '<a href="/">Show all</a>' in page


def test_where_nothing_was_trained_the_page_says_how_to_begin(home: Path) -> None:
    with pages_of(Settings(home=home)) as url:
        page = httpx.get(url).text
    assert "No attempt is known yet." in page
    assert "<code>make demo</code>" in page
    assert "<code>mlp xray gather --all</code>" in page


@pytest.mark.parametrize("address", ["/attempts.csv", "/runs/run-of-ada.csv"])
def test_a_table_of_attempts_is_there_as_csv(reader: httpx.Client, address: str) -> None:
    answer = reader.get(address)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    failed = [row for row in rows if row["partition"] == EARLY]
    assert [row["message"] for row in failed] == [MARKUP, MARKUP]
    assert {row["ran_s"] for row in failed} == {"600.0"}
    assert {row["claimed_at"] for row in failed} >= {"2026-11-28T14:00:00Z"}


def test_an_attempt_says_what_happened_and_the_next_thing_to_do(
    reader: httpx.Client, story: Story
) -> None:
    page = reader.get(f"/attempts/{id_of(story.failed, 2)}").text
    assert "flight_delay of 2013-03-14 failed at 2026-11-28 14:23 UTC" in page
    assert "give the workers more memory in <code>cluster.workers.memory</code>." in page
    assert re.search(r'<svg role="img" aria-label="Phases: making the cluster 1 min;', page)


def test_an_attempt_leads_to_dagster_mlflow_and_what_came_after_it(
    reader: httpx.Client, story: Story
) -> None:
    found = facts(reader, f"/attempts/{id_of(story.failed, 1)}.json")
    assert found["later"] == id_of(story.failed, 2)
    assert found["links"] == {
        "dagster_run": "https://dagster.example/runs/run-of-ada",
        "dagster_asset": "https://dagster.example/assets/flight_delay/model?partition=2013-03-14",
        "mlflow_model": "https://mlflow.example/#/models/local.flight_delay",
    }


def test_an_attempt_is_found_by_the_beginning_of_its_id(reader: httpx.Client, story: Story) -> None:
    training, _, number = id_of(story.failed, 1).rpartition("-")
    assert reader.get(f"/attempts/{training[:8]}-{number}").status_code == 200


def test_a_training_is_a_story_with_a_picture_for_each_attempt(
    reader: httpx.Client, story: Story
) -> None:
    address = addresses(story)["training"]
    found = facts(reader, f"{address}.json")
    (picture,) = found["trainings"]
    assert [lane["name"] for lane in picture["together"]["lanes"]] == [
        "attempt 1: out_of_memory",
        "attempt 2: succeeded",
    ]
    assert len(picture["each"]) == 2
    assert found["lines"][1].startswith("Attempt 1, 2026-11-28 14:33: started in 1 min 30 s")
    assert found["lines"][1] in reader.get(address).text


def test_a_model_has_a_row_and_a_column_for_each_partition(reader: httpx.Client) -> None:
    found = facts(reader, "/models/flight_delay.json")
    assert [one["partition"] for one in found["partitions"]] == [RUNNING, WAITING, LATE, EARLY]
    assert [one["kind"] for one in found["chart"]["columns"]] == [
        "failed",
        "succeeded",
        "open",
        "open",
    ]
    assert "4 partitions: 1 succeeded, 1 failed, 2 going on." in found["sentence"]
    sorted_ones = facts(reader, "/models/flight_delay.json?sort=-rung")["partitions"]
    assert sorted_ones[0]["partition"] == EARLY


def test_a_run_is_told_with_its_page_in_dagster(reader: httpx.Client) -> None:
    page = reader.get("/runs/run-of-bob").text
    assert 'href="https://dagster.example/runs/run-of-bob"' in page
    assert "flight_delay of 2013-03-15 succeeded at" in page


def test_two_attempts_are_compared_by_what_differs(reader: httpx.Client, story: Story) -> None:
    address = addresses(story)["compare"]
    found = facts(reader, twin(address))
    assert [one["name"] for one in found["differences"]] == [
        "outcome",
        "wasted",
        "straggler",
        "recompute",
    ]
    assert found["sentence"].startswith("They ended as failed (out_of_memory in group workers) and")


def test_without_two_attempts_a_form_asks_for_them(reader: httpx.Client) -> None:
    assert 'name="b" required value=""' in reader.get("/compare?a=1234-1").text
    assert reader.get("/compare.json").status_code == 400


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("/models/flight_dely", "did you mean flight_delay?"),
        ("/runs/run-of-adda", "did you mean run-of-ada"),
        ("/attempts/run-of-ada-9", "is not known"),
        ("/trainings/0000", "is not known"),
        ("/nothing", "not found"),
    ],
)
def test_what_is_unknown_is_told_with_what_is_near(
    reader: httpx.Client, asked: str, told: str
) -> None:
    answer = reader.get(asked)
    assert answer.status_code == 404
    assert told in answer.text
    assert reader.get(f"{asked}.json").json().keys() == {"error", "hint"}


@pytest.mark.parametrize(
    ("asked", "page"),
    [
        ("flight_delay", "/models/flight_delay"),
        ("run-of-bob", "/runs/run-of-bob"),
        ("", "/"),
    ],
)
def test_what_somebody_looks_for_is_found(reader: httpx.Client, asked: str, page: str) -> None:
    assert reader.get("/find", params={"q": asked}).headers["location"] == page


def test_an_attempt_or_a_partition_is_found_too(reader: httpx.Client, story: Story) -> None:
    attempt = id_of(story.failed, 2)
    training = attempt.rpartition("-")[0]
    found = reader.get("/find", params={"q": attempt[:8] + "-2"})
    assert found.headers["location"] == f"/attempts/{attempt}"
    found = reader.get("/find", params={"q": f"flight_delay {EARLY}"})
    assert found.headers["location"] == f"/trainings/{training}"


def test_what_others_have_written_is_never_markup(reader: httpx.Client, story: Story) -> None:
    for training in (story.failed, story.succeeded, story.waiting):
        for number in (1, 2):
            for page in ("", "/log", "/log?q=<b>"):
                text = reader.get(f"/attempts/{id_of(training, number)}{page}").text
                assert "<script>alert" not in text
                assert "<b>" not in text
    for address in (
        "/",
        "/runs/run-of-ada",
        "/find?q=<b>",
        "/?model=<b>",
        "/compare?a=<b>",
        "/<b>",
    ):
        assert "<b>" not in reader.get(address, follow_redirects=True).text


def test_stories_are_told_in_the_readers_zone(reader: httpx.Client, story: Story) -> None:
    address = addresses(story)["training"]
    there = {"cookie": f"{ZONE_COOKIE}=Asia/Kolkata"}
    assert "2026-11-28 20:28 IST" in reader.get(address, headers=there).text
    nowhere = {"cookie": f"{ZONE_COOKIE}=../../etc/passwd"}
    assert 'data-zone="UTC"' in reader.get(address, headers=nowhere).text


def test_a_moment_is_there_for_people_and_for_the_script(reader: httpx.Client) -> None:
    exact = f"{datetime.fromtimestamp(AT_S, UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert f'<time datetime="{exact}">2026-11-28 14:00 UTC</time>' in reader.get("/").text


def test_a_page_renews_itself_while_something_goes_on_alone(
    reader: httpx.Client, story: Story
) -> None:
    assert "data-refresh" in reader.get("/").text
    assert "data-refresh" in reader.get(f"/attempts/{id_of(story.running, 1)}").text
    assert "data-refresh" not in reader.get(f"/attempts/{id_of(story.failed, 1)}").text


def test_what_is_not_gathered_is_said_on_each_page(home: Path) -> None:
    with pages_of(Settings(home=home), trouble=lambda: "the <storage> is away") as url:
        told = "Not all is gathered: the &lt;storage&gt; is away"
        assert told in httpx.get(url).text
        assert told in httpx.get(f"{url}/compare").text


def test_of_two_attempts_of_one_name_both_are_offered(home: Path) -> None:
    """Two days without flights have equal snapshots, and so trainings of one name."""
    settings = Settings(home=home)
    first, second = (attempt(partition=day, job=f"job-of-{day}") for day in (EARLY, LATE))
    with open_store(settings) as store:
        store.keep([AttemptRead(attempt=one) for one in (first, second)], at_s=AT_S)
    with pages_of(settings) as url:
        answer = httpx.get(f"{url}/attempts/{first.id}")
        assert answer.status_code == 404
        assert (
            'href="/attempts/job-of-2013-03-14">flight_delay of 2013-03-14, attempt 1'
            in answer.text
        )
        page = httpx.get(f"{url}/attempts/job-of-2013-03-14").text
    assert "flight_delay of 2013-03-14 succeeded" in page
    assert 'href="/attempts/job-of-2013-03-14/log"' in page
