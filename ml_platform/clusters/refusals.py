"""Whether Kubernetes means it when it refuses an account.

An API server that starts answers 401 and 403 to everybody until it has read who may what, which
takes seconds. It is told from a missing right by asking for something that was granted before.
"""

from collections.abc import Callable
from typing import Final

AT_FIRST_S: Final = 5.0
"""No refusal is believed sooner: rights are read kind by kind, so some are granted before others.
A person who lacks one waits no longer."""
PASSING_S: Final = 60.0
"""A server that has refused everybody for so long does not start: the account was shut out."""
ASK_EVERY_S: Final = 1.0
"""At least: it is ready within seconds, and who lacks a right waits for the answer."""


class Refusals:
    """The refusals of one question, one after another.

    Args:
        still_grants: Whether the server grants what it granted before; True also where it has
            granted nothing yet.
        clock: Seconds that only grow.
    """

    def __init__(self, still_grants: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._still_grants = still_grants
        self._clock = clock
        self._since: float | None = None
        self._granted = False

    def is_meant(self) -> bool:
        """Whether the refusal that came just now is to be believed; else ask again."""
        now = self._clock()
        if self._since is None:
            self._since = now
        refused_s = now - self._since
        if self._granted or refused_s >= PASSING_S:
            return True
        # Asked before the next try, and not after: it might be ready a moment after it refused.
        self._granted = refused_s >= AT_FIRST_S and self._still_grants()
        return False

    def forget(self) -> None:
        """Another answer came, or none: the next refusal is a first one."""
        self._since, self._granted = None, False
