"""Watched objects whose changes come at times of a test's own: what takes minutes takes none."""

from collections.abc import Mapping
from math import inf
from typing import Any

from ml_platform.clusters.kuberay.seen import Object
from tests.unit.clusters.fake_time import FakeTime

Objects = Mapping[str, tuple[Object, ...]]


class WatchInTime:
    """A watch that is broken only where a test says so.

    Args:
        time: Of those who wait.
        timeline: By the second after now, all objects that there are from then on, by kind.
        broken_s: For how many seconds from now on no change comes in.
    """

    def __init__(
        self, time: FakeTime, timeline: Mapping[float, Objects], *, broken_s: float = 0.0
    ) -> None:
        self._time = time
        self._timeline = {time.now + after_s: objects for after_s, objects in timeline.items()}
        self._whole_at_s = time.now + broken_s

    @property
    def changes(self) -> int:
        return sum(at_s <= self._time.now for at_s in self._timeline)

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        past = [at_s for at_s in self._timeline if at_s <= self._time.now]
        now = self._timeline[max(past)] if past else {}
        return tuple(dict(one) for one in now.get(name, ()))

    def gone(self, name: str) -> tuple[dict[str, Any], ...]:
        del name
        return ()

    def wait(self, seen: int, timeout_s: float) -> int:
        if self.changes <= seen:
            following = min((at for at in self._timeline if at > self._time.now), default=inf)
            self._time.now = min(following, self._time.now + timeout_s)
        return self.changes

    def wait_for_lists(self, timeout_s: float) -> bool:
        del timeout_s
        return True

    def is_current(self, *names: str) -> bool:
        del names
        return self._time.now >= self._whole_at_s

    def list_anew(self, timeout_s: float) -> bool:
        del timeout_s
        return True
