"""Watches a cluster; keeps a timeline and the latest objects of each namespace of interest."""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from tests.kubernetes.conformance.fields import relative_to, relevant_fields
from tests.kubernetes.conformance.timeline import Draft
from tests.support.kuberay.api import (
    POD,
    RAY_CLUSTER,
    RAY_JOB,
    SECRET,
    SERVICE,
    Api,
    Gone,
    Object,
    Resource,
)

CORE_EVENT: Final = Resource("Event", "v1", "events")
WATCHED: Final = (RAY_JOB, RAY_CLUSTER, POD, SERVICE, SECRET, CORE_EVENT)


class Observation:
    """The timeline of one namespace; waiting for something in it needs no polling."""

    def __init__(self, scenario: str, namespace: str) -> None:
        self.draft = Draft(scenario=scenario, namespace=namespace)
        self.latest: dict[str, dict[str, Object]] = {r.kind: {} for r in WATCHED}
        self._changed = threading.Condition()
        self._told: dict[tuple[str, str, str], Object] = {}
        self._start = time.time()

    def restart_clock(self) -> None:
        """Time begins now."""
        with self._changed:
            self._start = time.time()

    def add(self, kind: str, name: str, change: str, told: Object) -> None:
        """One more entry."""
        with self._changed:
            entry: Object = {"t": round(time.time() - self._start, 2), "kind": kind}
            entry |= {"name": name, "change": change}
            self.draft.entries.append(entry | ({"part": told} if told else {}))

    def see(self, kind: str, change: str, item: Object) -> None:
        """A change of an object; kept if a relevant field has changed."""
        meta = item["metadata"]
        name, key = meta["name"], (kind, meta["name"], meta["uid"])
        with self._changed:
            self.draft.learn(kind, item)
            first = key not in self._told
            told = relevant_fields(kind, item, first=first, relative=relative_to(self._start))
            lasting = relevant_fields(kind, item, first=False, relative=relative_to(self._start))
            if change == "DELETED":
                self.latest[kind].pop(name, None)
            else:
                self.latest[kind][name] = item
            if change == "DELETED" or self._told.get(key) != lasting:
                self._told[key] = lasting
                if kind != "Event":
                    self.add(kind, name, change, lasting if change == "DELETED" else told)
                elif change != "DELETED":
                    self.add(kind, told["involvedObject"], change, told)
            self._changed.notify_all()

    def wait(self, seen: Callable[[], Any], timeout_s: float) -> bool:
        """Until `seen` is true; False after the time-out. `seen` is asked at every change."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(seen()), timeout_s)


class Recorder:
    """One watch per kind for the whole cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._observations: dict[str, Observation] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch until told to stop."""
        for resource in WATCHED:
            _, version = self._api.list(resource)
            threading.Thread(
                target=self._watch,
                args=(resource, version),
                name=f"watch-{resource.plural}",
                daemon=True,
            ).start()

    def stop(self) -> None:
        """Let every watch end when it breaks, as it does when the cluster goes away."""
        self._stopped.set()

    def observe(self, scenario: str, namespace: str) -> Observation:
        """Record this namespace from now on."""
        self._observations[namespace] = Observation(scenario, namespace)
        return self._observations[namespace]

    def _watch(self, resource: Resource, version: str) -> None:
        while not self._stopped.is_set():
            try:
                for change, item in self._api.watch(resource, version):
                    version = item["metadata"]["resourceVersion"]
                    observation = self._observations.get(item["metadata"].get("namespace", ""))
                    if observation and change != "BOOKMARK" and not _everywhere(resource, item):
                        observation.see(resource.kind, change, item)
            except Gone:
                # What happened in between is lost, and the comparison will say so.
                _, version = self._api.list(resource)
            except Exception:
                # The boundary of this thread: a watch that broke goes on from where it was.
                self._stopped.wait(0.2)


def _everywhere(resource: Resource, item: Object) -> bool:
    """Objects that Kubernetes puts into every namespace."""
    if resource is SECRET:
        return bool(item.get("type") == "kubernetes.io/service-account-token")
    return False
