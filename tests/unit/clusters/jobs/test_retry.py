from collections.abc import Iterator

import pytest

from ml_platform.clusters.interface import Cluster, Gate, HeadAddress, JobRuntime
from ml_platform.clusters.jobs.retry import HeadRetry, retry_of
from ml_platform.clusters.refusals import AT_FIRST_S, PASSING_S
from ml_platform.errors import (
    ApiForbiddenError,
    ClusterError,
    ClusterLostError,
    HeadUnreachableError,
)
from tests.unit.clusters.fake_time import FakeTime


class Head:
    """Answers after some failures."""

    def __init__(self, failures: int, error: type[ClusterError] = HeadUnreachableError) -> None:
        self.asked = 0
        self._error = error
        self._failures: Iterator[None] = iter([None] * failures)

    def answer(self) -> str:
        self.asked += 1
        for _ in self._failures:
            raise self._error("connection refused")
        return "answer"


def retry(time: FakeTime) -> HeadRetry:
    return HeadRetry(lost_after_s=60, clock=time.clock, sleep=time.sleep)


def test_a_head_that_answers_is_asked_once() -> None:
    head = Head(0)
    assert retry(FakeTime()).ask(head.answer) == "answer"
    assert head.asked == 1


def test_a_short_silence_is_waited_out() -> None:
    assert retry(FakeTime()).ask(Head(5).answer) == "answer"


def test_a_head_that_stays_silent_is_lost_after_the_limit() -> None:
    time = FakeTime()
    with pytest.raises(ClusterLostError, match="connection refused"):
        retry(time).ask(Head(1000).answer)
    assert 60 <= time.now - 1000 <= 66


def test_questions_come_ever_more_slowly() -> None:
    head = Head(1000)
    with pytest.raises(ClusterLostError):
        retry(FakeTime()).ask(head.answer)
    assert head.asked < 20


def test_a_silent_head_that_is_known_to_have_ended_is_not_waited_for() -> None:
    head = Head(1000)
    with pytest.raises(ClusterLostError, match="has ended: connection refused"):
        HeadRetry(is_gone=lambda: True, sleep=FakeTime().sleep).ask(head.answer)
    assert head.asked == 1


def test_a_head_that_answers_is_not_lost_whatever_others_say() -> None:
    assert HeadRetry(is_gone=lambda: True).ask(Head(0).answer) == "answer"


def behind_an_api_server(time: FakeTime, *, still_grants: bool) -> HeadRetry:
    gate = Gate(headers=dict, still_grants=lambda: still_grants)
    cluster = Cluster(
        name="c",
        head=HeadAddress(url="https://api", gate=gate),
        runtime=JobRuntime(),
        incarnation="first",
        is_gone=lambda: False,
    )
    return retry_of(cluster, clock=time.clock, sleep=time.sleep)


def test_an_api_server_that_starts_and_refuses_all_is_waited_for() -> None:
    retry = behind_an_api_server(FakeTime(), still_grants=False)
    assert retry.ask(Head(30, ApiForbiddenError).answer) == "answer"


@pytest.mark.parametrize(("still_grants", "limit_s"), [(True, AT_FIRST_S), (False, PASSING_S)])
def test_a_right_that_is_missing_is_told_and_is_no_lost_head(
    *, still_grants: bool, limit_s: float
) -> None:
    time = FakeTime()
    retry = behind_an_api_server(time, still_grants=still_grants)
    with pytest.raises(ApiForbiddenError):
        retry.ask(Head(1000, ApiForbiddenError).answer)
    assert limit_s <= time.now - 1000 <= limit_s + 3


def test_a_head_that_has_ended_behind_a_refusal_is_not_waited_for() -> None:
    with pytest.raises(ClusterLostError, match="has ended"):
        HeadRetry(is_gone=lambda: True).ask(Head(1, ApiForbiddenError).answer)
