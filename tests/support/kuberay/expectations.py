"""What was created or deleted and may not be in the cache yet, so that it is not done twice."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.support.kuberay.work_queue import Key

TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    group: str
    pod: str
    created: bool
    since: float


class Expectations:
    """Per cluster: pods that should have appeared or gone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: dict[Key, list[_Expected]] = {}

    def expect(self, cluster: Key, group: str, pod: str, *, created: bool) -> None:
        """A pod was just created, or its deletion asked for."""
        expected = _Expected(group=group, pod=pod, created=created, since=self._clock())
        self._of.setdefault(cluster, []).append(expected)

    def unsettled(self, cluster: Key, is_there: Callable[[str], bool]) -> frozenset[str]:
        """Groups to leave alone in this pass; `is_there` looks a pod up in the cache.

        A created pod is not waited for longer than 30 s: it may have been deleted meanwhile.
        """
        now = self._clock()
        open_ones = [
            e
            for e in self._of.get(cluster, [])
            if is_there(e.pod) != e.created and not (e.created and now - e.since > TIMEOUT_S)
        ]
        self._of[cluster] = open_ones
        return frozenset(e.group for e in open_ones)

    def forget(self, cluster: Key) -> None:
        """The cluster is gone."""
        self._of.pop(cluster, None)
