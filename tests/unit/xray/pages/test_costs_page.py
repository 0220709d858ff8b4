"""The page of costs."""

import csv
import io
from pathlib import Path

import httpx
import pytest

from ml_platform.settings import Settings
from tests.support.xray_pages import EARLY, LATE, Story, facts, pages_of


def names(reader: httpx.Client, query: str) -> list[str]:
    return [one["cost"]["name"] for one in facts(reader, f"/costs.json{query}")["rows"]]


def test_the_page_says_what_was_spent_on_what_and_what_of_it_was_wasted(
    reader: httpx.Client,
) -> None:
    page = reader.get("/costs").text
    sentence = facts(reader, "/costs.json")["sentence"]
    assert sentence == "In the last 30 days 6 attempts cost 1.71, 1.06 of it wasted."
    assert sentence in page
    assert '<a href="/models/flight_delay">flight_delay</a>' in page
    assert 'href="/costs.csv"' in page


def test_it_is_told_by_what_the_address_says(reader: httpx.Client) -> None:
    assert set(names(reader, "?by=run")) == {
        "run-of-ada",
        "run-of-ada-2",
        "run-of-bob",
        "run-of-bob-2",
    }
    assert names(reader, "?by=cause")[0] == "out_of_memory"
    by_partition = names(reader, "?by=partition")
    assert by_partition[:2] == [f"flight_delay of {EARLY}", f"flight_delay of {LATE}"]
    assert "most, 0.71, for" in facts(reader, "/costs.json?by=run")["sentence"]


def test_each_team_and_each_backfill_has_what_it_spent_and_wasted(reader: httpx.Client) -> None:
    rows = facts(reader, "/costs.json?by=team")["rows"]
    assert [(one["cost"]["name"], one["cost"]["attempts"]) for one in rows] == [
        ("no team", 4),
        ("growth", 2),
    ]
    growth = rows[1]["cost"]
    assert 0 < growth["idle"] < growth["wasted"] < growth["total"]
    assert set(names(reader, "?by=backfill")) == {"no backfill", "yearofbob"}


def test_a_team_leads_to_its_attempts_and_what_has_none_nowhere(reader: httpx.Client) -> None:
    rows = facts(reader, "/costs.json?by=team")["rows"]
    (address,) = (one["address"] for one in rows if one["address"])
    found = facts(reader, address.replace("/attempts?", "/attempts.json?"))
    assert [one["attempt"]["partition"] for one in found["attempts"]] == [LATE, LATE]
    name = address.rpartition("=")[2]
    assert f'<option selected value="{name}">{name}</option>' in reader.get(address).text
    assert 'class="words">no ' in reader.get("/costs?by=team").text


def test_a_backfill_leads_to_its_page(reader: httpx.Client) -> None:
    rows = facts(reader, "/costs.json?by=backfill")["rows"]
    assert [one["address"] for one in rows if one["address"]] == ["/backfills/yearofbob"]
    assert 'class="words">no ' in reader.get("/costs?by=backfill").text


def test_each_part_leads_to_what_it_was_spent_on(reader: httpx.Client) -> None:
    rows = facts(reader, "/costs.json?by=partition")["rows"]
    found = facts(reader, rows[0]["address"].replace("/attempts?", "/attempts.json?"))
    assert {one["attempt"]["partition"] for one in found["attempts"]} == {EARLY}
    by_cause = facts(reader, "/costs.json?by=cause")["rows"]
    assert [one["address"] for one in by_cause if one["cost"]["name"] != "open"] == [
        "/attempts?cause=out_of_memory",
        "/attempts?status=succeeded",
    ]


def test_it_is_sorted_by_its_address_and_keeps_what_is_chosen(reader: httpx.Client) -> None:
    assert names(reader, "?by=run&sort=-name")[0] == "run-of-bob-2"
    page = reader.get("/costs?by=run&since=7d&sort=cost").text
    assert 'href="/costs?by=run&amp;since=7d&amp;sort=-cost"' in page
    assert '<option selected value="run">' in page


def test_it_is_there_as_csv(reader: httpx.Client) -> None:
    rows = list(csv.DictReader(io.StringIO(reader.get("/costs.csv?by=cause").text)))
    wasted = {row["name"]: float(row["wasted"]) for row in rows}
    assert wasted["succeeded"] == 0
    assert wasted["out_of_memory"] == pytest.approx(1.06, abs=0.01)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?by=day", "it is one of model, partition, team, backfill, run, cause"),
        ("?since=2d", "it is one of 1d, 7d, 30d, 90d, all"),
        ("?sort=price", "it is one of name, attempts, cost"),
    ],
)
def test_a_choice_that_cannot_be_is_told_with_those_that_can(
    reader: httpx.Client, query: str, told: str
) -> None:
    answer = reader.get(f"/costs{query}")
    assert answer.status_code == 400
    assert told in answer.text


def test_without_a_price_the_settings_that_give_one_are_named(
    written: tuple[Settings, Story],
) -> None:
    unpriced = written[0].model_copy(update={"price_cpu_hour": 0.0})
    with pages_of(unpriced) as url:
        page = httpx.get(f"{url}/costs").text
        assert "6 attempts took 1.7 CPU hours; what that cost is unknown." in page
        assert "<code>MLP_PRICE_CPU_HOUR=0.04</code>" in page
        assert 'What goes on now costs an hour: <a href="/costs">unknown</a>' in httpx.get(url).text


def test_where_nothing_has_lived_the_page_says_so(tmp_path: Path) -> None:
    with pages_of(Settings(home=tmp_path / "home")) as url:
        assert "In the last day no attempt has lived." in httpx.get(f"{url}/costs?since=1d").text
        assert "No attempt is known." in httpx.get(f"{url}/costs?since=all").text
        assert "What goes on now costs" not in httpx.get(url).text


def test_the_first_page_says_what_goes_on_costs_an_hour(reader: httpx.Client) -> None:
    assert "What goes on now costs <strong>2.00</strong> an hour." in reader.get("/").text
    assert facts(reader, "/attempts.json")["an_hour"] == {
        "attempts": 1,
        "unknown": 0,
        "price": 2.0,
    }


def test_a_text_chooses_rows_and_stays_in_the_address(reader: httpx.Client) -> None:
    assert names(reader, "?by=run&q=ADA-2") == ["run-of-ada-2"]
    everything = facts(reader, "/costs.json?by=run")
    assert facts(reader, "/costs.json?by=run&q=ADA-2")["sentence"] == everything["sentence"]
    rows = list(csv.DictReader(io.StringIO(reader.get("/costs.csv?by=run&q=bob").text)))
    assert {one["name"] for one in rows} == {"run-of-bob", "run-of-bob-2"}
    page = reader.get("/costs?by=run&q=bob&sort=-cost").text
    assert 'href="/costs?by=run&amp;since=30d&amp;q=bob&amp;sort=attempts"' in page
    assert '<input type="hidden" name="sort" value="-cost">' in page
    assert 'href="/costs?by=run&amp;since=30d&amp;sort=-cost">Show all</a>' in page
    assert 'href="/costs.csv?by=run&amp;q=bob&amp;sort=-cost"' in page


def test_a_text_that_no_row_has_is_told_and_can_be_taken_back(reader: httpx.Client) -> None:
    page = reader.get("/costs?q=%3Cb%3E").text
    assert "Nothing is like that." in page
    assert 'value="&lt;b&gt;"' in page
    assert ">Show all</a>" in page
