"""The page of an attempt: what was found in it, what it cost, and what it used."""

import csv
import io

import httpx
import pytest

from ml_platform.settings import Settings
from ml_platform.xray.words import span
from tests.support.xray_pages import RUNNING, Story, facts, id_of, pages_of


def measured_attempt(story: Story) -> str:
    return f"/attempts/{id_of(story.succeeded, 2)}"


def test_what_was_turned_on_is_told_first_with_what_to_do(
    reader: httpx.Client, story: Story
) -> None:
    page = reader.get(measured_attempt(story)).text
    found = facts(reader, f"{measured_attempt(story)}.json")
    assert [one["quiet"] for one in found["findings"]] == [False, True, True]
    loud = found["findings"][0]
    assert loud["sentence"].startswith("Rank 1 on node 10.0.0.1 took")
    assert page.index("Next:") < page.index("What was found") < page.index("Where its time went")
    for shown in (loud["sentence"], *loud["evidence"], "straggler, high confidence"):
        assert shown in page
    assert "→ Look in train.py for what rank 1 does alone" in page
    assert found["next_step"].startswith("look in train.py for what rank 1 does alone")


def test_what_nobody_has_turned_on_is_folded_with_how_to_turn_it_on(
    reader: httpx.Client, story: Story
) -> None:
    page = reader.get(measured_attempt(story)).text
    folded = page[page.index("2 more that nobody has turned on") :]
    quiet = facts(reader, f"{measured_attempt(story)}.json")["findings"][1:]
    for one in quiet:
        assert one["sentence"] in folded
    assert f"<code>MLP_XRAY_FINDINGS={quiet[0]['name']}</code>" in folded


def test_its_cost_is_among_the_facts_idle_and_wasted_apart(
    reader: httpx.Client, story: Story
) -> None:
    def shown(number: int, training: str = "failed") -> str:
        return reader.get(f"/attempts/{id_of(getattr(story, training), number)}").text

    # A CPU of the head and one of a worker for 630 s, of which its driver ran for 600.
    assert "<dt>cost</dt><dd>0.35</dd>" in shown(1)
    assert "<dt>of it idle</dt><dd>0.02</dd>" in shown(1)
    assert "<dt>of it wasted</dt><dd>0.35</dd>" in shown(1)
    assert "<dt>of it wasted</dt>" not in shown(2, "succeeded")
    assert "<dt>cost so far</dt>" in shown(1, "running")
    assert (
        "It cost 0.70, 0.35 of it wasted."
        in facts(reader, f"{measured_attempt(story)}.json")["sentence"]
    )


def test_without_a_price_its_cost_is_unknown(written: tuple[Settings, Story]) -> None:
    settings, story = written
    unpriced = settings.model_copy(update={"price_cpu_hour": 0.0})
    with pages_of(unpriced) as url:
        assert "<dt>cost</dt><dd>unknown</dd>" in httpx.get(url + measured_attempt(story)).text


def test_what_its_nodes_used_is_drawn_and_there_as_a_table(
    reader: httpx.Client, story: Story
) -> None:
    page = reader.get(measured_attempt(story)).text
    found = facts(reader, f"{measured_attempt(story)}.json")["measured"]
    assert [one["name"] for one in found["charts"]] == ["CPUs", "Memory, of its limit"]
    assert [one["node"] for one in found["charts"][0]["nodes"]] == [
        "head 10.0.0.9",
        "10.0.0.1",
        "10.0.0.0",
    ]
    assert 'aria-label="Memory, of its limit: at most 95 % on 10.0.0.1"' in page
    assert '<td data-head="Most" class="number">95.0 %</td>' in page


def test_each_workers_time_is_drawn_and_there_as_a_table(
    reader: httpx.Client, story: Story
) -> None:
    page = reader.get(measured_attempt(story)).text
    lanes = facts(reader, f"{measured_attempt(story)}.json")["measured"]["workers"]["lanes"]
    assert [one["name"] for one in lanes] == ["rank 0", "rank 1"]
    assert lanes[0]["bars"][0]["told"] == "rank 0 on 10.0.0.0: data 10 s"
    assert [bar["kind"] for bar in lanes[0]["bars"]] == [
        "data",
        "computing",
        "waiting",
        "checkpoint",
    ]
    assert '<td data-head="Computing" class="number">2 min 30 s</td>' in page


def test_where_nothing_was_measured_one_line_says_why(reader: httpx.Client, story: Story) -> None:
    waits = reader.get(f"/attempts/{id_of(story.waiting, 1)}").text
    assert "Nothing was measured yet: it does not run." in waits
    ended = reader.get(f"/attempts/{id_of(story.failed, 1)}").text
    assert "Nothing was measured: it was over within seconds" in ended
    assert 'class="area"' not in ended


def test_how_far_one_is_that_runs_is_told_on_its_page_and_in_the_list(
    reader: httpx.Client, story: Story
) -> None:
    address = f"/attempts/{id_of(story.running, 1)}"
    found = facts(reader, f"{address}.json")["details"]["progress"]
    assert (found["epoch"], found["epochs"], found["percent"]) == (4, 8, pytest.approx(50, abs=1))
    told = f"epoch 4 of 8, {found['percent']:.0f} %, at most {span(found['left_s'])} left"
    assert f"It is in {told}." in reader.get(address).text
    assert told in reader.get("/").text
    (row,) = csv.DictReader(io.StringIO(reader.get(f"/attempts.csv?partition={RUNNING}").text))
    assert float(row["percent"]) == found["percent"]
    assert "<progress" not in reader.get(f"/attempts/{id_of(story.failed, 1)}").text
