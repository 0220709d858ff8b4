"""Recordings of the real operator as what a client would have seen, moment by moment."""

import json
from collections.abc import Iterable
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal

from ml_platform.clusters.kuberay.seen import Seen
from tests.kubernetes.conformance.timeline import TRACES, Entry, recorded

BEGIN_S: Final = 1_800_000_000.0
View = Literal["core", "events.k8s.io", "both"]
"""Through which API events are read. Each event can be read through either."""


def time_text(t: float) -> str:
    """A moment of a recording as the API server writes it."""
    return datetime.fromtimestamp(BEGIN_S + t, UTC).isoformat().replace("+00:00", "Z")


@cache
def moments(scenario: str, *, subject: str = "", view: View = "core") -> tuple[Seen, ...]:
    """What was seen after each change, of the objects whose names begin with `subject`."""
    replay, found = Replay(scenario, view), []
    for entry in recorded(scenario).entries:
        if entry.name.rpartition("/")[2].startswith(subject):
            replay.take(entry)
            found.append(replay.seen(entry.t))
    return tuple(found)


class Replay:
    """The state of a recording's objects while it is played."""

    def __init__(self, scenario: str, view: View) -> None:
        self._templates = _templates(scenario)
        self._view = view
        self._objects: dict[str, dict[str, Any]] = {"RayJob": {}, "RayCluster": {}, "Pod": {}}
        self._gone: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._runs: dict[tuple[Any, ...], str] = {}
        self._cluster = ""

    def take(self, entry: Entry) -> None:
        """One change."""
        if entry.kind == "Event":
            views = ("core", "events.k8s.io") if self._view == "both" else (self._view,)
            self._events += [_event(entry, view) for view in views]
        elif entry.kind in self._objects:
            objects = self._objects[entry.kind]
            if entry.change == "DELETED":
                last = objects.pop(entry.name, None)
                self._gone += [last] if last and entry.kind == "Pod" else []
            else:
                objects[entry.name] = self._object(entry, objects.get(entry.name))

    def seen(self, t: float) -> Seen:
        """All of it, now."""
        jobs, clusters = self._objects["RayJob"], self._objects["RayCluster"]
        job = next(iter(jobs.values()), None)
        # Its pods outlive a cluster, and are seen as long as they are there.
        told = job["status"].get("rayClusterName") if job else next(iter(clusters), "")
        self._cluster = told or self._cluster
        return Seen(
            ray_job=job,
            ray_cluster=clusters.get(self._cluster),
            pods=self._its(self._objects["Pod"].values()),
            gone=self._its(self._gone),
            events=tuple(self._events),
            at_s=BEGIN_S + t,
        )

    def _its(self, pods: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        return tuple(
            p for p in pods if p["metadata"]["labels"].get("ray.io/cluster") == self._cluster
        )

    def _object(self, entry: Entry, before: dict[str, Any] | None) -> dict[str, Any]:
        fields = deepcopy(entry.fields)
        meta = before["metadata"] if before else {"name": entry.name, "uid": f"uid-{entry.name}"}
        meta = meta | {"labels": fields.pop("labels", meta.get("labels") or {})}
        if fields.pop("deleting", False):
            meta = {"deletionTimestamp": time_text(entry.t)} | meta
        spec = deepcopy(self._templates.get(entry.name, {}))
        if "suspend" in fields:
            spec["suspend"] = fields.pop("suspend")
        for key in ("spec_keys", "ownerReferences", "annotations", "finalizers"):
            fields.pop(key, None)
        if entry.kind == "Pod":
            spec = deepcopy(self._templates.get(meta["labels"].get("ray.io/group"), {}))
            spec["nodeName"] = "tb-node"
            fields = self._pod_status(entry, fields, spec)
        return {"metadata": meta, "spec": spec, "status": fields}

    def _pod_status(
        self, entry: Entry, fields: dict[str, Any], spec: dict[str, Any]
    ) -> dict[str, Any]:
        status = {key: fields[key] for key in ("phase", "conditions") if key in fields}
        images = [container["image"] for container in spec.get("containers") or ()]
        for container in fields.get("containers") or ():
            restarts = container.get("restartCount", 0)
            for states, run in (("state", restarts), ("lastState", restarts - 1)):
                for kind, key in (("running", "startedAt"), ("terminated", "finishedAt")):
                    if kind in container.get(states, {}):
                        which = (entry.name, container["name"], run, kind)
                        began = self._runs.setdefault(which, time_text(entry.t))
                        container[states][kind][key] = began
            init = container.pop("init", False)
            container |= {"image": images[0] if images else ""}
            statuses = "initContainerStatuses" if init else "containerStatuses"
            status.setdefault(statuses, []).append(container)
        return status


@cache
def _templates(scenario: str) -> dict[str, Any]:
    """Specs of RayJobs and RayClusters by name, and of pods by group."""
    found: dict[str, Any] = {}
    manifests = json.loads((TRACES / f"{scenario}.json").read_text())["manifests"]
    for manifest in manifests:
        spec = manifest.get("spec") or {}
        found[manifest["metadata"]["name"]] = spec
        cluster = spec.get("rayClusterSpec") or spec
        if "headGroupSpec" in cluster:
            found["headgroup"] = cluster["headGroupSpec"]["template"]["spec"]
        for group in cluster.get("workerGroupSpecs") or ():
            found[group["groupName"]] = group["template"]["spec"]
    return found


def _event(entry: Entry, view: str) -> dict[str, Any]:
    """An event as one of the APIs gives it; they have other names for the same fields."""
    fields, at = entry.fields, time_text(entry.t)
    kind, _, name = entry.name.partition("/")
    about = {"kind": kind, "name": name, "fieldPath": fields.get("fieldPath")}
    raw = {"type": fields["type"], "reason": fields["reason"], "metadata": {"name": "event"}}
    old = fields["api"] == "core"
    if view == "core":
        raw |= {"involvedObject": about, "message": fields["message"]}
        raw |= {"reportingComponent": fields.get("reportingComponent", "")}
        raw |= {"source": {"component": fields.get("source", "")} if old else {}}
        raw |= {"eventTime": None if old else at, "lastTimestamp": at if old else None}
        raw |= {"count": fields.get("count")}
    else:
        raw |= {"regarding": about, "note": fields["message"]}
        raw |= {"reportingController": fields.get("reportingComponent", "")}
        raw |= {"eventTime": None if old else at, "deprecatedLastTimestamp": at if old else None}
        raw |= {"deprecatedCount": fields.get("count")}
    if "series" in fields:
        raw["series"] = fields["series"] | {"lastObservedTime": at}
    return raw
