"""Which clusters there are now, asked of their provisioners while somebody looks."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ml_platform.clusters.interface import ClusterView, Provisioner
from ml_platform.errors import PlatformError

FRESH_S: Final = 4.0
"""A page renews itself every five seconds, and each look is a few requests."""
WAITS_S: Final = 3.0
"""A page waits so long for a look; then it shows what was seen before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenClusters:
    """Clusters as they were seen.

    Attributes:
        views: All of them, by name.
        at_s: When, in seconds since 1970; None before the first look.
        trouble: Why these may not be all, in words; empty if they are.
    """

    views: tuple[ClusterView, ...] = ()
    at_s: float | None = None
    trouble: str = ""


class Inventory:
    """The clusters of all provisioners; asks none of them while nobody looks.

    Args:
        provisioners: Whom to ask.
        now: Seconds since 1970.
        waits_s: For how long a look is waited for.
    """

    def __init__(
        self,
        provisioners: Sequence[Provisioner] = (),
        *,
        now: Callable[[], float],
        waits_s: float = WAITS_S,
    ) -> None:
        self._provisioners = provisioners
        self._now = now
        self._waits_s = waits_s
        self._lock = threading.Lock()
        self._looking: threading.Thread | None = None
        self._seen = SeenClusters()
        self._is_stale = False

    def seen(self, *, fresh_s: float = FRESH_S) -> SeenClusters:
        """The clusters as they were at most so many seconds ago, if they can be seen by now."""
        with self._lock:
            at_s = self._seen.at_s
            is_fresh = at_s is not None and 0.0 <= self._now() - at_s < fresh_s
            if is_fresh and not self._is_stale:
                return self._seen
            self._is_stale = False
            if self._looking is None or not self._looking.is_alive():
                # A daemon: who ends the server waits for no Kubernetes that does not answer.
                self._looking = threading.Thread(target=self._look, name="inventory", daemon=True)
                self._looking.start()
            looking = self._looking
        looking.join(self._waits_s)
        if looking.is_alive() and self._seen.at_s is None:
            return SeenClusters(trouble="the clusters' provisioners have not answered yet")
        return self._seen

    def forget(self) -> None:
        """Look anew at the next question: something was done to a cluster."""
        with self._lock:
            self._is_stale = True

    def provisioner_of(self, view: ClusterView) -> Provisioner:
        """Whose it is."""
        return next(one for one in self._provisioners if one.kind == view.provisioner)

    def _look(self) -> None:
        found: list[ClusterView] = []
        troubles = []
        for one in self._provisioners:
            try:
                found += one.inventory()
            except PlatformError as error:
                troubles.append(f"clusters of the provisioner {one.kind}: {error.message}")
            except Exception as error:  # boundary: those of the others are shown all the same
                troubles.append(f"clusters of the provisioner {one.kind}: {error!r}")
        views = tuple(sorted(found, key=lambda one: (one.provisioner, one.name)))
        self._seen = SeenClusters(views=views, at_s=self._now(), trouble="; ".join(troubles))
