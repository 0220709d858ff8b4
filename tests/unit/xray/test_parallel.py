"""Many questions at once, for as long as there is time."""

import threading

from ml_platform.xray.parallel import THREADS, Deadline, ask_all


def halved(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def test_each_question_has_its_answer_or_its_error() -> None:
    answers = dict(ask_all(halved, [2, 3, 4], Deadline()))
    assert (answers[2], answers[4], str(answers[3])) == (1, 2, "3 is odd")


def test_there_may_be_more_questions_than_threads_and_none() -> None:
    assert len(dict(ask_all(halved, range(3 * THREADS), Deadline()))) == 3 * THREADS
    assert list(ask_all(halved, [], Deadline())) == []


def test_a_question_that_hangs_is_left_behind_and_the_others_are_answered() -> None:
    answers = threading.Event()

    def ask(name: str) -> str:
        if name == "hangs":
            answers.wait(60)
        return name

    found = [name for name, _ in ask_all(ask, ["hangs", "answers"], Deadline(0.3))]
    answers.set()
    assert found == ["answers"]


def test_when_the_time_is_over_nothing_more_is_asked() -> None:
    asked: list[int] = []
    assert list(ask_all(asked.append, [1], Deadline(0))) == []
