"""How long a head may stay silent before it counts as lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ml_platform.errors import ClusterLostError, HeadUnreachableError

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadRetry:
    """Asks again, ever more slowly, until the head is known to be gone, or was silent too long.

    Attributes:
        lost_after_s: Seconds of silence after which it counts as lost.
        is_gone: A second witness: one who knows whether the head has ended.
    """

    lost_after_s: float = 60.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 5.0
    is_gone: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """The answer to `question`, asked until the head answers.

        Raises:
            ClusterLostError: the head has ended, or stayed silent for `lost_after_s`.
        """
        silent_since = self.clock()
        pause = self.first_pause_s
        while True:
            try:
                return question()
            except HeadUnreachableError as error:
                silent_s = self.clock() - silent_since
                if self.is_gone():
                    raise _lost(f"the Ray head has ended: {error.message}") from error
                if silent_s >= self.lost_after_s:
                    raise _lost(
                        f"the Ray head has not answered for {silent_s:.0f} s: {error.message}"
                    ) from error
            self.sleep(pause)
            pause = min(2 * pause, self.longest_pause_s)


def _lost(message: str) -> ClusterLostError:
    return ClusterLostError(
        message, hint="run the step again: it goes on from the last checkpoint on a new cluster."
    )
