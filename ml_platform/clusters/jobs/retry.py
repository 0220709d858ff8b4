"""How long a head may stay silent before it counts as lost, and who stands before it may refuse."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ml_platform.clusters.interface import Cluster
from ml_platform.clusters.refusals import ASK_EVERY_S, Refusals
from ml_platform.errors import ApiForbiddenError, ClusterLostError, HeadUnreachableError

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadRetry:
    """Asks again, ever more slowly, until the head is known to be gone, or was silent too long.

    Attributes:
        lost_after_s: Seconds of silence after which it counts as lost.
        is_gone: A second witness: one who knows whether the head has ended.
        still_grants: Whether who stands before the head grants what it granted before.
    """

    lost_after_s: float = 60.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 5.0
    is_gone: Callable[[], bool] = lambda: False
    still_grants: Callable[[], bool] = lambda: True
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """The answer to `question`, asked until the head answers.

        Raises:
            ClusterLostError: the head has ended, or stayed silent for `lost_after_s`.
            ApiForbiddenError: the account lacks the right to reach it.
        """
        silent_since = self.clock()
        pause = self.first_pause_s
        refusals = Refusals(self.still_grants, self.clock)
        while True:
            try:
                return question()
            except ApiForbiddenError as error:
                if self.is_gone():
                    raise _lost(f"the Ray head has ended: {error.message}") from error
                if refusals.is_meant():
                    raise
                pause = min(pause, ASK_EVERY_S)
            except HeadUnreachableError as error:
                refusals.forget()
                silent_s = self.clock() - silent_since
                if self.is_gone():
                    raise _lost(f"the Ray head has ended: {error.message}") from error
                if silent_s >= self.lost_after_s:
                    raise _lost(
                        f"the Ray head has not answered for {silent_s:.0f} s: {error.message}"
                    ) from error
            self.sleep(pause)
            pause = min(2 * pause, self.longest_pause_s)


def retry_of(
    cluster: Cluster,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> HeadRetry:
    """How the head of a cluster is asked."""
    gate = cluster.head.gate
    return HeadRetry(
        lost_after_s=cluster.lost_after_s,
        is_gone=cluster.is_gone,
        still_grants=gate.still_grants if gate is not None else lambda: True,
        clock=clock,
        sleep=sleep,
    )


def _lost(message: str) -> ClusterLostError:
    return ClusterLostError(
        message, hint="run the step again: it goes on from the last checkpoint on a new cluster."
    )
