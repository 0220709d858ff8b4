"""A cache of one kind of objects, kept by a watch, that tells of every change.

As in the operator, a pass reads from caches, which lag behind the API server by milliseconds.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from tests.support.kuberay.api import Api, ApiError, Gone, Object, Resource
from tests.support.kuberay.work_queue import Key

RETRY_S: Final = 1.0
REMEMBERED_ENDS: Final = 1000

Handler = Callable[[Object | None, Object | None], None]
"""Called with the object before and after; None before it was there, None once it is gone."""

log = logging.getLogger("kuberay.informer")


class Informer:
    """All objects of a kind, in all namespaces."""

    def __init__(self, api: Api, resource: Resource, selector: str = "") -> None:
        self._api = api
        self._resource = resource
        self._selector = selector
        self._objects: dict[Key, Object] = {}
        self._lock = threading.Lock()
        self._handlers: list[Handler] = []
        self._ended: deque[str] = deque(maxlen=REMEMBERED_ENDS)
        self.synced = threading.Event()

    def on_change(self, handler: Handler) -> None:
        """Call this for every change, from the watching thread."""
        self._handlers.append(handler)

    def start(self) -> None:
        """Watch until the process ends."""
        name = f"watch-{self._resource.plural}"
        threading.Thread(target=self._watch_for_ever, name=name, daemon=True).start()

    def wrote(self, item: Object) -> Object:
        """Take in what the API server answered to a write, before the watch brings it.

        The operator's watch brings it within a millisecond or two. This one takes longer on a busy
        machine, and a pass in between would do things twice.
        """
        with self._lock:
            gone_again = item["metadata"]["uid"] in self._ended
        if not gone_again:
            self._take(item)
        return item

    def get(self, namespace: str, name: str) -> Object | None:
        """The object as last seen. Not to be changed by the caller."""
        with self._lock:
            return self._objects.get((namespace, name))

    def select(self, namespace: str, labels: dict[str, str]) -> list[Object]:
        """All objects of the namespace with these labels, oldest first."""
        with self._lock:
            found = [
                item
                for (where, _), item in self._objects.items()
                if where == namespace
                and labels.items() <= (item["metadata"].get("labels") or {}).items()
            ]
        return sorted(found, key=lambda item: item["metadata"]["creationTimestamp"])

    def _watch_for_ever(self) -> None:
        version: str | None = None
        while True:
            try:
                if version is None:
                    version = self._list()
                version = self._follow(version)
            except Gone:
                version = None
            except Exception as error:
                # The one boundary of this thread: whatever it was, look again.
                log.warning("watch of %s broke: %s", self._resource.plural, error)
                version = None
                time.sleep(RETRY_S)

    def _list(self) -> str:
        items, version = self._api.list(self._resource, selector=self._selector)
        found = {_key(item): item for item in items}
        with self._lock:
            gone = [item for key, item in self._objects.items() if key not in found]
        for item in items:
            self._take(item)
        for item in gone:
            self._drop(item)
        self.synced.set()
        return version

    def _follow(self, version: str) -> str:
        for change, item in self._api.watch(self._resource, version, selector=self._selector):
            version = item["metadata"]["resourceVersion"]
            if change == "DELETED":
                self._drop(item)
            elif change != "BOOKMARK":
                self._take(item)
        return version

    def _take(self, item: Object) -> None:
        with self._lock:
            before = self._objects.get(_key(item))
            if before is not None and _version(before) >= _version(item):
                return
            self._objects[_key(item)] = item
        for handler in self._handlers:
            handler(before, item)

    def _drop(self, item: Object) -> None:
        with self._lock:
            self._ended.append(item["metadata"]["uid"])
            # A successor of the same name may be known already, from our own write.
            if self._is_latest(item):
                self._objects.pop(_key(item), None)
        for handler in self._handlers:
            handler(item, None)

    def _is_latest(self, item: Object) -> bool:
        known = self._objects.get(_key(item))
        return known is not None and known["metadata"]["uid"] == item["metadata"]["uid"]


def wait_for_caches(informers: list[Informer], timeout_s: float) -> None:
    """Until all have been filled once.

    Raises:
        ApiError: they were not in time.
    """
    end = time.monotonic() + timeout_s
    for informer in informers:
        if not informer.synced.wait(max(0.0, end - time.monotonic())):
            raise ApiError(0, f"the API server did not list everything within {timeout_s:.0f} s")


def _key(item: Object) -> Key:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _version(item: Object) -> int:
    return int(item["metadata"]["resourceVersion"])
