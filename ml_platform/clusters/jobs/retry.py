"""How long a head may stay silent before it counts as lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ml_platform.errors import ClusterLostError, HeadUnreachableError

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Asks again, ever more slowly, until `lost_after_s` seconds of silence."""

    lost_after_s: float = 60.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 5.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """The answer to `question`, asked until the head answers.

        Raises:
            ClusterLostError: the head stayed silent for `lost_after_s`.
        """
        silent_since = self.clock()
        pause = self.first_pause_s
        while True:
            try:
                return question()
            except HeadUnreachableError as error:
                silent_s = self.clock() - silent_since
                if silent_s >= self.lost_after_s:
                    raise ClusterLostError(
                        f"the Ray head has not answered for {silent_s:.0f} s: {error.message}",
                        hint="run the step again: it goes on from the last checkpoint "
                        "on a new cluster.",
                    ) from error
            self.sleep(pause)
            pause = min(2 * pause, self.longest_pause_s)
