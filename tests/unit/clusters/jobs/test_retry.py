from collections.abc import Iterator

import pytest

from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.errors import ClusterLostError, HeadUnreachableError
from tests.unit.clusters.fake_time import FakeTime


class Head:
    """Answers after some failures."""

    def __init__(self, failures: int) -> None:
        self.asked = 0
        self._failures: Iterator[None] = iter([None] * failures)

    def answer(self) -> str:
        self.asked += 1
        for _ in self._failures:
            raise HeadUnreachableError("connection refused")
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
