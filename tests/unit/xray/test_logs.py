"""The last lines of an attempt, by where they are from."""

import pytest

from ml_platform.errors import InputError
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.logs import LAST, KeptLog, archive_of, kept_log
from ml_platform.xray.parallel import Deadline
from ml_platform.xray.reading import AttemptRef, read_attempt
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training, end
from tests.support.xray_pages import archive

TAIL = ("epoch 0", "epoch 1")
LOGS = {"c-w-abcde.ray-worker": ("a line", "the last one")}


def read(training: Training) -> AttemptRecord:
    found = read_attempt(AttemptRef(folder_uri=training.request.folder_uri, number=1)).attempt
    assert found is not None
    return found


@pytest.fixture
def failed(training: Training) -> AttemptRecord:
    attempt = training.claim()
    attempt.keep_logs(LOGS)
    end(attempt, at_s=AT_S + 60, failure=OUT_OF_MEMORY, log_tail=TAIL)
    return read(training)


def test_the_log_of_the_job_comes_first_and_the_others_are_named(failed: AttemptRecord) -> None:
    sources = ("job", "c-w-abcde.ray-worker")
    assert kept_log(failed) == KeptLog(attempt=failed.id, source="job", sources=sources, lines=TAIL)


def test_the_log_of_a_container_is_had_by_its_name(failed: AttemptRecord) -> None:
    assert kept_log(failed, "c-w-abcde.ray-worker").lines == ("a line", "the last one")


def test_without_a_log_of_the_job_the_first_container_is_shown(training: Training) -> None:
    attempt = training.claim()
    attempt.keep_logs(LOGS)
    end(attempt, at_s=AT_S + 60, failure=OUT_OF_MEMORY)
    assert kept_log(read(training)).source == "c-w-abcde.ray-worker"


def test_a_source_that_there_is_not_is_told_with_those_that_there_are(
    failed: AttemptRecord,
) -> None:
    with pytest.raises(InputError, match=r"did you mean c-w-abcde\.ray-worker") as told:
        kept_log(failed, "c-w-abcde.ray-workers")
    assert "job, c-w-abcde.ray-worker" in told.value.hint


def test_the_archived_log_is_longer_than_what_a_failed_attempt_kept(training: Training) -> None:
    attempt = training.claim()
    archive(attempt, *(f"line {number}" for number in range(LAST + 5)))
    goes_on = read(training)
    found = kept_log(goes_on, archive=archive_of(goes_on, Deadline()))
    assert (found.source, found.sources) == ("job", ("job",))
    assert (len(found.lines), found.lines[-1]) == (LAST, f"line {LAST + 4}")
    end(attempt, at_s=AT_S + 60, failure=OUT_OF_MEMORY, log_tail=TAIL)
    ended = read(training)
    assert kept_log(ended, archive=archive_of(ended, Deadline())).lines == found.lines


def test_what_a_failed_attempt_kept_is_there_where_nothing_was_archived(
    failed: AttemptRecord,
) -> None:
    archive = archive_of(failed, Deadline())
    assert not archive
    assert kept_log(failed, archive=archive).lines == TAIL


def test_where_none_was_kept_the_place_of_the_log_is_named(training: Training) -> None:
    attempt = training.claim()
    with pytest.raises(InputError, match="no log of attempt") as told:
        kept_log(read(training))
    assert "it goes on" in told.value.hint
    end(attempt, at_s=AT_S + 60)
    with pytest.raises(InputError) as told:
        kept_log(read(training))
    assert "the step of run run-1" in told.value.hint
