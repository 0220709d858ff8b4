"""A thread that observes while a block runs, and is not waited for longer than its end may take."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Background(ABC):
    """Runs `_run` beside a block; what derives from it says what that is.

    Args:
        name: Of the thread.
        closed_within_s: How long the end of the block waits for it.

    Attributes:
        closing: Set when the block has ended.
    """

    def __init__(self, name: str, *, closed_within_s: float) -> None:
        self._closed_within_s = closed_within_s
        self.closing = threading.Event()
        # A daemon: a process that ends does not wait for storage that does not answer.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._thread.join(self._closed_within_s)

    @abstractmethod
    def _run(self) -> None:
        """Observe until `closing` is set."""
