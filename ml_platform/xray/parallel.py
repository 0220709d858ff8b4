"""Asks object storage many things at once, for as long as there is time."""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

THREADS: Final = 16
"""A bucket answers in some 50 ms, however many ask."""


class Deadline:
    """Until when there is time.

    Args:
        limit_s: For how long, from now.
        clock: Seconds that only grow.
    """

    def __init__(
        self, limit_s: float = math.inf, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._ends = clock() + limit_s

    def left_s(self) -> float:
        """Seconds that are left; 0 when it is over."""
        return max(0.0, self._ends - self._clock())


def ask_all(
    ask: Callable[[Question], Answer], questions: Iterable[Question], deadline: Deadline
) -> Iterator[tuple[Question, Answer | Exception]]:
    """What `ask` answers or raises for each question, as it comes; those in time alone.

    A question that hangs is left behind: its thread keeps no process from ending.
    """
    todo: queue.SimpleQueue[Question] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Question, Answer | Exception]] = queue.SimpleQueue()
    left = 0
    for question in questions:
        todo.put(question)
        left += 1
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            try:
                question = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((question, ask(question)))
            except Exception as error:  # boundary: told to who asked
                done.put((question, error))

    for _ in range(min(THREADS, left)):
        threading.Thread(target=work, name="xray", daemon=True).start()
    try:
        for _ in range(left):
            seconds = deadline.left_s()
            if seconds <= 0:
                return
            yield done.get(timeout=None if math.isinf(seconds) else seconds)
    except queue.Empty:
        return
    finally:
        is_over.set()
