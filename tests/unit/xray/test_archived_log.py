"""The archived log of an attempt, read in parts."""

from itertools import pairwise
from pathlib import Path

import pytest

from ml_platform.storage import Folder
from ml_platform.training.telemetry.log_archive import LOG_FOLDER
from ml_platform.xray import archived_log
from ml_platform.xray.archived_log import ArchivedLog, LogPart
from ml_platform.xray.parallel import THREADS, Deadline


@pytest.fixture
def attempt(tmp_path: Path) -> Folder:
    return Folder(tmp_path.as_uri())


def write(attempt: Folder, *segments: bytes) -> None:
    at = 0
    for segment in segments:
        attempt.write(f"{LOG_FOLDER}/{at:015d}.log", segment)
        at += len(segment)


def log_of(attempt: Folder) -> ArchivedLog:
    return ArchivedLog(attempt, Deadline())


def texts(part: LogPart) -> list[str]:
    return [line.text for line in part.lines]


def test_an_attempt_that_wrote_no_log_has_none(attempt: Folder) -> None:
    assert not log_of(attempt)
    assert log_of(attempt).last(10) == LogPart(lines=(), next_byte=None, end_byte=0)


def test_the_end_is_as_many_lines_as_are_wanted(attempt: Folder) -> None:
    count = 3 * THREADS
    write(attempt, *(f"line {number}\n".encode() for number in range(count)))
    part = log_of(attempt).last(THREADS + 2)
    assert texts(part) == [f"line {number}" for number in range(count)][-THREADS - 2 :]
    assert part.end_byte == sum(len(f"line {number}\n") for number in range(count))


def test_a_line_that_two_segments_share_is_one(attempt: Folder) -> None:
    write(attempt, b"one\ntw", b"o\nthree\n")
    for part in (log_of(attempt).last(9), log_of(attempt).since(0, 9)):
        assert texts(part) == ["one", "two", "three"]
        assert [line.byte for line in part.lines] == [0, 4, 8]
    assert texts(log_of(attempt).search("two", 9)) == ["two"]


def test_a_line_that_is_cut_between_two_batches_is_one(attempt: Folder) -> None:
    segments = [b"x\n"] * (THREADS - 1)
    write(attempt, *segments, b"be", b"gun\nend\n")
    assert texts(log_of(attempt).since(0, 99))[-2:] == ["begun", "end"]
    assert texts(log_of(attempt).search("begun", 9)) == ["begun"]


def test_what_is_written_without_an_end_of_line_is_a_line(attempt: Folder) -> None:
    write(attempt, b"one\nthe last wor")
    assert texts(log_of(attempt).since(0, 9)) == ["one", "the last wor"]


def test_a_place_is_gone_on_from(attempt: Folder) -> None:
    write(attempt, b"one\ntwo\n", b"three\nfour\n")
    first = log_of(attempt).since(0, 3)
    assert (texts(first), first.next_byte) == (["one", "two", "three"], 14)
    rest = log_of(attempt).since(14, 3)
    assert (texts(rest), rest.next_byte, rest.end_byte) == (["four"], None, 19)


def test_what_is_new_begins_at_the_end_of_what_was_there(attempt: Folder) -> None:
    write(attempt, b"one\n")
    end = log_of(attempt).last(9).end_byte
    assert texts(log_of(attempt).since(end, 9)) == []
    write(attempt, b"one\n", b"two\n")
    assert texts(log_of(attempt).since(end, 9)) == ["two"]


def test_a_search_goes_on_where_it_had_enough(attempt: Folder) -> None:
    write(attempt, b"a 1\nb\n", b"A 2\na 3\n")
    first = log_of(attempt).search("a ", 2)
    assert texts(first) == ["a 1", "A 2"]
    assert first.next_byte is not None
    rest = log_of(attempt).search("a ", 2, since=first.next_byte)
    assert (texts(rest), rest.next_byte) == (["a 3"], None)


def test_a_search_that_has_enough_shows_the_first_hit_and_where_to_go_on(attempt: Folder) -> None:
    write(attempt, b"none\n", b"a 1\na 2\n", b"a 3\n")
    first = log_of(attempt).search("a ", 9, enough_after=Deadline(0.0))
    assert (texts(first), first.next_byte) == (["a 1", "a 2"], 13)
    rest = log_of(attempt).search("a ", 9, since=13, enough_after=Deadline(0.0))
    assert (texts(rest), rest.next_byte) == (["a 3"], None)


@pytest.mark.parametrize(
    "wanted",
    [
        "epoch 1",
        "EPOCH",
        "ch 1: lo",
        "0.5",
        ": ",
        "grü",
        "no such",
        "two words",
        "\ufffd",
        "ray) e",
    ],
)
@pytest.mark.parametrize("cuts", [(), (7,), (1, 2, 3, 50, 51, 130), tuple(range(1, 300, 13))])
def test_what_is_found_is_what_reading_each_line_would_find(
    attempt: Folder, wanted: str, cuts: tuple[int, ...]
) -> None:
    whole = (
        b"\x1b[36m(ray)\x1b[0m epoch 1: loss 0.5\nno\r\ntwo\rwords\n\n\n"
        b'{"__dagster_pipes_version": "0.1", "method": "log", "params": '
        b'{"message": "epoch 1: gr\\u00fc\\u00dfe\\ntwo words"}}\n'
        b"Gr\xc3\x9c\xc3\x9fe \xff epochs\ntwo words EPOCH 10 epoch\nand no end of epoch 1"
    )
    write(attempt, *(whole[a:b] for a, b in pairwise((0, *cuts, len(whole))) if whole[a:b]))
    every = log_of(attempt).since(0, 99)
    assert len(every.lines) == 10
    found = log_of(attempt).search(wanted, 99)
    assert found.lines == tuple(one for one in every.lines if wanted.lower() in one.text.lower())
    assert (found.next_byte, found.end_byte) == (every.next_byte, every.end_byte)


def test_colours_are_left_out_and_hide_nothing(attempt: Folder) -> None:
    write(attempt, b"\x1b[36m(worker)\x1b[0m epoch 1\n", b"Gr\xc3\xbc\xc3\x9fe \xff\n")
    assert texts(log_of(attempt).search(") epoch", 9)) == ["(worker) epoch 1"]
    assert texts(log_of(attempt).search("GRÜ", 9)) == ["Grüße \ufffd"]


def test_a_message_to_dagster_is_read_as_what_it_says(attempt: Folder) -> None:
    mark = b'(RayTrainWorker pid=7) {"__dagster_pipes_version": "0.1", "method": '
    log = mark + b'"log", "params": {"message": "epoch 1: loss 0.5", "level": "INFO"}}\n'
    write(
        attempt,
        mark + b'"opened", "params": {}}\n' + log,
        b'{"__dagster_pipes_version": cut\n',
        mark + b'"closed", "params": {}}\n',
    )
    said = [
        "(RayTrainWorker pid=7) epoch 1: loss 0.5",
        '{"__dagster_pipes_version": cut',
    ]
    assert texts(log_of(attempt).last(10)) == said
    assert texts(log_of(attempt).search("loss 0.5", 10)) == said[:1]


def test_without_time_the_rest_is_left_over(attempt: Folder) -> None:
    write(attempt, b"one\n")
    part = ArchivedLog(attempt, Deadline(0.0)).since(0, 9)
    assert (texts(part), part.next_byte) == ([], 0)


def test_far_back_is_not_looked_for_the_end(attempt: Folder) -> None:
    count = archived_log.LOOKED_BACK + 5
    write(attempt, *(b"x\n" for _ in range(count)))
    assert len(log_of(attempt).last(10 * count).lines) == archived_log.LOOKED_BACK
