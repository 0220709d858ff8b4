"""Budgets on the page of costs."""

import csv
import io
from collections.abc import Iterator

import httpx
import pytest

from ml_platform.settings import Settings
from tests.support.xray_pages import Story, facts, pages_of

BUDGETS = """
namespace: ray
budgets:
  teams: {growth: {per_day: 0.5, per_month: 500}}
  assets: {flight_delay/model: {per_day: 2}}
"""


@pytest.fixture(scope="module")
def payer(
    written: tuple[Settings, Story], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Who reads the costs where a team is over its budget, and an asset is near its."""
    file = tmp_path_factory.mktemp("budgets") / "clusters.yaml"
    file.write_text(BUDGETS)
    limited = written[0].model_copy(update={"clusters_file": file})
    with pages_of(limited) as url, httpx.Client(base_url=url) as client:
        yield client


def test_the_top_says_in_words_which_budget_is_over_and_which_is_warned_of(
    payer: httpx.Client,
) -> None:
    over, near = facts(payer, "/costs.json")["told"]
    assert over == (
        "team growth has spent 0.70 of its budget of 0.50 for today (UTC), 140 %: "
        "no attempt of it begins until 2026-11-29 00:00 UTC"
    )
    assert near.startswith("asset flight_delay/model has spent 1.71 of its budget of 2.00 for")
    assert near.endswith("85 %: each attempt that begins is warned")
    page = payer.get("/costs").text
    assert page.index("Team growth has spent 0.70") < page.index('<form class="filters"')


def test_each_budget_has_what_is_spent_of_it_its_limit_and_its_share(payer: httpx.Client) -> None:
    rows = facts(payer, "/costs.json")["budgets"]
    assert [(one["state"], one["spent"]["limit"]["period"], one["address"]) for one in rows] == [
        ("over", "day", "/attempts?team=growth"),
        ("near", "day", "/models/flight_delay"),
        ("within", "month", "/attempts?team=growth"),
    ]
    assert rows[0]["share"] == rows[0]["spent"]["amount"] / 0.5
    page = payer.get("/costs").text
    assert '<a href="/attempts?team=growth">team growth</a>' in page
    assert '<span class="badge is-near">near</span>' in page


def test_a_budget_is_of_its_own_period_whatever_span_is_chosen(payer: httpx.Client) -> None:
    chosen = [facts(payer, f"/costs.json?since={since}")["budgets"] for since in ("1d", "all")]
    assert chosen[0] == chosen[1]


def test_budgets_are_sorted_by_the_address_apart_from_the_costs(payer: httpx.Client) -> None:
    rows = facts(payer, "/costs.json?budgets=limit&sort=-cost")["budgets"]
    assert [one["spent"]["limit"]["amount"] for one in rows] == [0.5, 2, 500]
    page = payer.get("/costs?budgets=limit&sort=-cost").text
    assert 'href="/costs?by=model&amp;since=30d&amp;sort=-cost&amp;budgets=-limit"' in page
    assert payer.get("/costs?budgets=price").status_code == 400


def test_they_are_there_as_csv(payer: httpx.Client) -> None:
    assert 'href="/costs/budgets.csv"' in payer.get("/costs").text
    rows = list(csv.DictReader(io.StringIO(payer.get("/costs/budgets.csv").text)))
    assert [(row["kind"], row["name"], row["state"]) for row in rows] == [
        ("team", "growth", "over"),
        ("asset", "flight_delay/model", "near"),
        ("team", "growth", "within"),
    ]
    assert rows[0]["ends_at"] == "2026-11-29T00:00:00Z"


def test_without_budgets_nothing_is_said_of_them(reader: httpx.Client) -> None:
    assert facts(reader, "/costs.json")["budgets"] == []
    assert "Budgets" not in reader.get("/costs").text
