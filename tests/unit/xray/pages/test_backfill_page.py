"""The page of a backfill."""

import csv
import io

import httpx
import pytest

from ml_platform.settings import Settings
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training
from tests.support.xray_pages import EARLY, ESCAPED, LATE, MARKUP, WAITING, facts, pages_of

PAGE = "/backfills/yearofbob"


def test_the_top_says_in_a_sentence_what_became_of_it_and_what_it_cost(
    reader: httpx.Client,
) -> None:
    sentence = facts(reader, f"{PAGE}.json")["sentence"]
    assert sentence == (
        f"1 partition of flight_delay of {LATE}: 1 succeeded, in 24 min 50 s; "
        "it cost 0.70, 0.35 of it wasted."
    )
    assert sentence in reader.get(PAGE).text


@pytest.fixture
def wide(settings: Settings) -> Settings:
    """A backfill of three days, of which one is tried again, one fails and one goes on."""
    root = settings.storage_root
    early, late, last = (
        Training(storage_root=root, partition=one) for one in (EARLY, LATE, WAITING)
    )
    early.train(1, failure=OUT_OF_MEMORY, backfill="wide")
    early.train(2, at_s=AT_S + 700, backfill="wide")
    late.train(1, at_s=AT_S + 1400, failure=OUT_OF_MEMORY, backfill="wide")
    last.claim(at_s=AT_S + 2100, backfill="wide")
    Training(storage_root=root, partition="2013-03-20").train(1, backfill="another")
    return settings.model_copy(update={"price_cpu_hour": 1.0})


def test_each_partition_has_its_state_how_long_it_took_and_its_cost(wide: Settings) -> None:
    with pages_of(wide) as url, httpx.Client(base_url=url) as reader:
        page = facts(reader, "/backfills/wide.json?sort=partition")
        rows = page["partitions"]
        found = [
            (one["partition"], one["newest"]["attempt"]["status"], one["attempts"]) for one in rows
        ]
        assert found == [(EARLY, "succeeded", 2), (LATE, "failed", 1), (WAITING, "open", 1)]
        assert [one["took_s"] for one in rows[:2]] == [1390, 690]
        # The first attempt of the first day failed, and left no checkpoint.
        assert rows[0]["cost"]["wasted"] == pytest.approx(rows[0]["cost"]["total"] / 2)
        assert "3 partitions of flight_delay from 2013-03-14 to 2013-03-16" in page["sentence"]
        assert "1 succeeded, 1 failed, 1 going on" in page["sentence"]
        assert "This page renews itself" in reader.get("/backfills/wide").text


def test_each_partition_has_the_metric_that_tells_most_of_its_newest_success(
    reader: httpx.Client,
) -> None:
    for page, where in ((PAGE, "backfill"), ("/models/flight_delay", "model")):
        found = {
            one["partition"]: one["metric"] for one in facts(reader, f"{page}.json")["partitions"]
        }
        assert found[LATE] == {"name": "validation_loss", "value": 0.25}, where
        assert "0.25 <span" in reader.get(page).text
        assert "metric,metric_name" in reader.get(f"{page}.csv").text
    assert found[EARLY] is None


def test_a_model_has_the_cost_of_each_partition_with_all_its_attempts(
    reader: httpx.Client,
) -> None:
    (late,) = (
        one
        for one in facts(reader, "/models/flight_delay.json?sort=-cost")["partitions"]
        if one["partition"] == LATE
    )
    (whole,) = facts(reader, f"{PAGE}.json")["partitions"]
    assert late["cost"]["total"] == whole["cost"]["total"] > 0


def test_it_is_sorted_by_its_address_and_there_as_csv(wide: Settings) -> None:
    with pages_of(wide) as url, httpx.Client(base_url=url) as reader:
        text = reader.get("/backfills/wide.csv?sort=-cost").text
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["partition"] for row in rows] == [EARLY, LATE, WAITING]
        assert 'aria-sort="descending"' in reader.get("/backfills/wide?sort=-cost").text
        assert reader.get("/backfills/wide?sort=price").status_code == 404


def test_its_partitions_of_a_state_alone_are_chosen_by_its_address(wide: Settings) -> None:
    with pages_of(wide) as url, httpx.Client(base_url=url) as reader:
        for page in ("/backfills/wide", "/models/flight_delay"):
            failed = facts(reader, f"{page}.json?state=failed&sort=partition")
            assert [one["partition"] for one in failed["partitions"]] == [LATE]
            html = reader.get(f"{page}?state=failed").text
            assert '<option selected value="failed">' in html
            assert "sort=attempts&amp;state=failed" in html
            # What is said of all stays said of all.
            assert "1 failed" in failed["sentence"]
            assert "succeeded" in failed["sentence"]
            assert reader.get(f"{page}.csv?state=open").text.count("\n") == 2
            refused = reader.get(f"{page}?state=dead")
            assert refused.status_code == 404
            assert "it is one of open, succeeded" in refused.text


def test_a_run_and_whoever_looks_for_it_come_to_it(reader: httpx.Client) -> None:
    assert f'<a href="{PAGE}">yearofbob</a>' in reader.get("/runs/run-of-bob").text
    assert "/backfills/" not in reader.get("/runs/run-of-ada").text
    assert reader.get("/find?q=yearofbob").headers["location"] == PAGE


def test_a_backfill_that_is_not_known_is_told_with_where_all_are(reader: httpx.Client) -> None:
    answer = reader.get("/backfills/nobodys")
    assert answer.status_code == 404
    assert "no attempt of a backfill" in answer.text


def test_its_name_is_escaped(settings: Settings) -> None:
    Training(storage_root=settings.storage_root).train(1, backfill=MARKUP.replace("/", ""))
    with pages_of(settings) as url:
        page = httpx.get(f"{url}/backfills/{MARKUP.replace('/', '')}").text
        assert ESCAPED.replace("/", "") in page
        assert "<script>alert" not in page
