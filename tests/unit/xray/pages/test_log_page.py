"""The log of an attempt on its page."""

import httpx

from tests.support.xray_pages import ESCAPED, MARKUP, Story, facts, id_of


def log_of(story: Story, which: str, number: int, suffix: str = "") -> str:
    return f"/attempts/{id_of(getattr(story, which), number)}/log{suffix}"


def lines(reader: httpx.Client, address: str) -> list[str]:
    return [one["text"] for one in facts(reader, address)["lines"]]


def test_the_archived_log_is_shown_to_its_end(reader: httpx.Client, story: Story) -> None:
    found = facts(reader, log_of(story, "succeeded", 2, ".json"))
    assert [one["text"] for one in found["lines"]] == ["epoch 0", "epoch 1", MARKUP]
    assert found["is_archived"]
    assert found["end_byte"] == 16 + len(MARKUP) + 1


def test_lines_are_searched_whatever_the_case(reader: httpx.Client, story: Story) -> None:
    assert lines(reader, log_of(story, "succeeded", 2, ".json?q=EPOCH")) == ["epoch 0", "epoch 1"]
    page = reader.get(log_of(story, "succeeded", 2, "?q=EPOCH")).text
    assert "<mark>epoch</mark> 0" in page
    assert "2 lines of job have “EPOCH” in them." in page
    assert f'href="{log_of(story, "succeeded", 2)}?since=8"' in page


def test_what_is_looked_for_and_not_found_is_said(reader: httpx.Client, story: Story) -> None:
    page = reader.get(log_of(story, "succeeded", 2, "?q=nan")).text
    assert "No line has “nan” in it." in page


def test_a_log_that_grows_is_followed_from_its_end(reader: httpx.Client, story: Story) -> None:
    page = reader.get(log_of(story, "running", 1)).text
    assert f'data-follow="{log_of(story, "running", 1)}.json" data-end="16"' in page
    assert lines(reader, log_of(story, "running", 1, ".json?since=8")) == ["epoch 1"]
    assert lines(reader, log_of(story, "running", 1, ".json?since=16")) == []


def test_of_an_attempt_without_an_archive_the_kept_lines_are_shown(
    reader: httpx.Client, story: Story
) -> None:
    found = facts(reader, log_of(story, "failed", 2, ".json"))
    assert [one["text"] for one in found["lines"]] == ["epoch 0", MARKUP]
    assert not found["is_archived"]
    assert found["sources"] == ["job", "c-w-abcde.ray-worker"]
    page = reader.get(log_of(story, "failed", 2, "?source=c-w-abcde.ray-worker")).text
    assert ESCAPED in page
    assert "that were kept" in page


def test_where_no_log_is_the_page_says_where_to_look(reader: httpx.Client, story: Story) -> None:
    answer = reader.get(log_of(story, "waiting", 1))
    assert answer.status_code == 200
    assert "no log of attempt" in answer.text
    assert "its step in Dagster shows the log" in answer.text


def test_a_place_that_is_none_is_refused(reader: httpx.Client, story: Story) -> None:
    assert "there is no byte" in reader.get(log_of(story, "running", 1, "?since=x")).text
