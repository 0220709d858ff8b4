"""Kueue's word on a queued cluster: its Workload of the RayJob, and how many stand before that.

Kueue need not be installed, and the account need not see it: then less is said, and nothing fails.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Any, Final

from ml_platform.clusters.kuberay.api import KubernetesApi, group_path, served_path
from ml_platform.clusters.kuberay.seen import Object, Seen
from ml_platform.errors import ClusterError

GROUP: Final = "kueue.x-k8s.io"
VISIBILITY: Final = "visibility.kueue.x-k8s.io"
"""Served by Kueue itself from its memory: a Workload does not say its place."""
VERSIONS: Final = ("v1beta2", "v1beta1")
"""Of both groups, the preferred first; what is read of them is the same in each."""
ASK_EVERY_S: Final = 60.0
ANSWER_WITHIN_S: Final = 5.0
_PLACES: Final = ("positionInLocalQueue", "positionInClusterQueue")


def workload_of(workloads: Iterable[Object], uid: str) -> Object | None:
    """The Workload that Kueue keeps for a RayJob; the latest, where it has made another since."""
    its = [
        one
        for one in workloads
        if uid in (owner.get("uid") for owner in one["metadata"].get("ownerReferences") or ())
    ]
    made = [str(one["metadata"].get("creationTimestamp") or "") for one in its]
    return its[made.index(max(made))] if its else None


class PlaceInQueue:
    """How many workloads stand before one of ours, asked of Kueue best effort.

    It is asked again only after a workload of the same queue has changed, because nothing else
    moves a place there, and at most once a minute: waiting costs nothing while nothing moves.

    Args:
        api: The API server.
        namespace: Where the queue is.
        clock: Seconds that only grow.
    """

    def __init__(
        self, api: KubernetesApi, namespace: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock
        self._asked_s = -inf
        self._asked_of: frozenset[tuple[str, str]] = frozenset()
        self._place: Mapping[str, int] = {}
        self._path = ""

    def added_to(self, seen: Seen) -> Seen:
        """The same, with its place in the status of a workload that waits, where it is known."""
        workload = seen.workload
        if workload is None or not _waits(workload):
            return seen
        queue = _queue(workload)
        now = frozenset(_version(one) for one in seen.workloads if _queue(one) == queue)
        if now != self._asked_of and self._clock() - self._asked_s >= ASK_EVERY_S:
            self._asked_of, self._asked_s = now, self._clock()
            self._place = self._ask(queue, str(workload["metadata"]["name"]))
        status = {**(workload.get("status") or {}), **self._place}
        return replace(seen, workload={**workload, "status": status})

    def _ask(self, queue: str, name: str) -> Mapping[str, int]:
        try:
            if not self._path:
                group = self._api.get_once(group_path(VISIBILITY), within_s=ANSWER_WITHIN_S)
                self._path = served_path(group, VERSIONS, f"namespaces/{self._namespace}")
            path = f"{self._path}/localqueues/{queue}/pendingworkloads"
            waiting = self._api.get_once(path, within_s=ANSWER_WITHIN_S)
        except ClusterError:  # not installed, not allowed, not there: it waits without a number
            return {}
        for one in waiting.get("items") or ():
            if one["metadata"]["name"] == name:
                return {place: one[place] for place in _PLACES if place in one}
        return {}


def _waits(workload: Object) -> bool:
    """Whether Kueue has given it nothing yet; with quota it stands in no queue any more."""
    conditions: Iterable[Mapping[str, Any]] = (workload.get("status") or {}).get("conditions") or ()
    return not any(one["type"] == "QuotaReserved" and one["status"] == "True" for one in conditions)


def _queue(workload: Object) -> str:
    return str((workload.get("spec") or {}).get("queueName") or "")


def _version(workload: Object) -> tuple[str, str]:
    metadata = workload["metadata"]
    return str(metadata.get("uid")), str(metadata.get("resourceVersion"))
